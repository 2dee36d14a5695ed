"""What happens in a session, told to whoever wants to know: typed, or by name."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar, get_args

from sightline.log import get_logger
from sightline_gateway import protocol
from sightline_gateway.protocol import ServerMessage

log = get_logger()

E = TypeVar("E")
Off = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Disconnected:
    """The session's client went away. The session lives on, for as long as its host lets it."""


_SERVER_MESSAGES: tuple[type[Any], ...] = get_args(get_args(ServerMessage)[0])

EVENTS: dict[str, type[Any]] = {
    **{message.model_fields["type"].default: message for message in _SERVER_MESSAGES},
    "frame_requested": protocol.CaptureFrame,
    "client_ready": protocol.ClientReady,
    "disconnected": Disconnected,
}
"""The events by name: every message to the client by its ``type``, and these three."""


class Emitter:
    """Handlers of events, in the order in which they came.

    Handlers are plain functions or coroutine functions, which then run as tasks. One that raises is
    logged; the others still run, and so does the session.
    """

    def __init__(self) -> None:
        self._handlers: list[tuple[type[Any] | None, Callable[[Any], object]]] = []
        self._tasks: set[asyncio.Task[None]] = set()

    def on(self, event: type[E] | str, handler: Callable[[E], object]) -> Off:
        """Call ``handler`` with each event of a class, or by name: ``text``, ``frame_received``, …

        Returns:
            Call it to end that.

        Raises:
            ValueError: There is no event of that name.
        """
        if isinstance(event, str) and event not in EVENTS:
            raise ValueError(f"expected an event ({', '.join(sorted(EVENTS))}), got {event!r}")
        return self._add(EVENTS[event] if isinstance(event, str) else event, handler)

    def on_any(self, handler: Callable[[ServerMessage], object]) -> Off:
        """Call ``handler`` with each message that is for the client."""
        return self._add(None, handler)

    def emit(self, event: object) -> None:
        """Tell everybody who wants to know. Never raises."""
        is_message = isinstance(event, _SERVER_MESSAGES)
        for wanted, handler in tuple(self._handlers):
            if isinstance(event, wanted) if wanted is not None else is_message:
                self._call(handler, event)

    async def end_handlers(self) -> None:
        """Cancel handlers that still run, and forget all of them."""
        self._handlers.clear()
        running = [task for task in self._tasks if task is not asyncio.current_task()]
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    def _add(self, wanted: type[Any] | None, handler: Callable[[Any], object]) -> Off:
        entry = (wanted, handler)
        self._handlers.append(entry)

        def off() -> None:
            if entry in self._handlers:
                self._handlers.remove(entry)

        return off

    def _call(self, handler: Callable[[Any], object], event: object) -> None:
        try:
            result = handler(event)
        except Exception:
            log.exception("event_handler_failed", event_type=type(event).__name__)
            return
        if inspect.isawaitable(result):
            task = asyncio.ensure_future(_finish(result, event))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)


async def _finish(result: Awaitable[object], event: object) -> None:
    try:
        await result
    except Exception:
        log.exception("event_handler_failed", event_type=type(event).__name__)
