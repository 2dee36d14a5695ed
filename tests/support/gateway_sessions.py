"""Sessions of the gateway, with real stages on the real bus, and what they tell their client."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

from sightline_gateway.session import VideoSession
from support.frames import jpeg
from support.scenes import scene

M = TypeVar("M")

QUIET: dict[str, Any] = {"timer_interval": 0, "frame_wait": 5}
"""Settings of a session that asks for nothing by time, and is patient on a busy machine."""


def photo(colour: tuple[int, int, int], text: str = "") -> bytes:
    """A JPEG of a scene."""
    return jpeg(scene(colour, text))


class Told:
    """What a session tells its client, in order."""

    def __init__(self, session: VideoSession) -> None:
        self.messages: list[Any] = []
        self._grown = asyncio.Condition()
        self._tasks: set[asyncio.Task[None]] = set()
        session.on_any(self._take)

    def of(self, message_class: type[M]) -> list[M]:
        """Those of one kind so far."""
        return [each for each in self.messages if isinstance(each, message_class)]

    async def next(self, message_class: type[M], condition: Callable[[M], bool] = lambda _: True) -> M:
        """The first message of a kind, of which this holds; waits for it."""
        found: list[M] = []

        def there() -> bool:
            found[:] = filter(condition, self.of(message_class))
            return bool(found)

        async with asyncio.timeout(30), self._grown:
            await self._grown.wait_for(there)
        return found[0]

    def forget(self) -> None:
        """Begin anew."""
        self.messages.clear()

    async def _take(self, message: Any) -> None:
        async with self._grown:
            self.messages.append(message)
            self._grown.notify_all()
