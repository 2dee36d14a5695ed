"""Which stages run: followed once for all sessions of a bus."""

from __future__ import annotations

import asyncio
import contextlib
import weakref
from collections.abc import AsyncIterator
from dataclasses import dataclass

from sightline.bus import Bus
from sightline.log import get_logger
from sightline.stages import StageRegistry

log = get_logger()

FIRST_SECONDS = 0.5
"""How long the first session waits, at most, to learn which stages run."""


@dataclass(slots=True)
class _Following:
    stages: StageRegistry
    task: asyncio.Task[None]
    sessions: int = 0


_FOLLOWING: weakref.WeakKeyDictionary[Bus, _Following] = weakref.WeakKeyDictionary()


@contextlib.asynccontextmanager
async def running_stages(bus: Bus) -> AsyncIterator[StageRegistry]:
    """The registry of a bus, followed for as long as any session is in here."""
    following = _FOLLOWING.get(bus)
    is_first = following is None
    if following is None:
        stages = StageRegistry(bus)
        following = _FOLLOWING[bus] = _Following(stages, asyncio.create_task(_follow(stages)))
    following.sessions += 1
    try:
        if is_first and bus.ready:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(FIRST_SECONDS):
                    await following.stages.changed(following.stages.version)
        yield following.stages
    finally:
        following.sessions -= 1
        if not following.sessions:
            del _FOLLOWING[bus]
            following.task.cancel()
            await asyncio.gather(following.task, return_exceptions=True)


async def _follow(stages: StageRegistry) -> None:
    try:
        await stages.run()
    except Exception as error:
        # The bus is closed for good: its frames are shed anyway, and the sessions go on without.
        log.warning("stages_unknown", reason=repr(error))
