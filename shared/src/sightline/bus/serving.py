"""Handling the messages of a subject, many at once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from sightline import tracing
from sightline.bus.connection import Connection, end
from sightline.bus.received import parse
from sightline.errors import BusError, DecodeError
from sightline.log import get_logger
from sightline.messages import Message, Wire

log = get_logger()

AT_ONCE = 256
"""Messages that one subject handles at once; more are dropped, as core NATS drops."""

M = TypeVar("M", bound=Message)


def wire_of(message: Message) -> Wire:
    """A message as it leaves here, with the current trace context."""
    wire = message.to_wire()
    tracing.inject(wire.headers)
    return wire


class Serving(Generic[M]):
    """One subject and its handler; what the handler returns is the reply."""

    def __init__(
        self,
        connection: Connection,
        message_class: type[M],
        handler: Callable[[M], Awaitable[Message | None]],
    ) -> None:
        self._connection = connection
        self._message_class = message_class
        self._handler = handler
        self._subscription: Subscription | None = None
        self._running: set[asyncio.Task[None]] = set()

    async def start(self, subject: str) -> None:
        """Raises BusError: not connected."""
        self._subscription = await self._connection.subscribe(subject, cb=self._accept)

    async def stop(self) -> None:
        """Take no more, and cancel what is in progress."""
        if self._subscription is not None:
            await end(self._subscription)
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    async def _accept(self, message: Msg) -> None:
        if len(self._running) < AT_ONCE:
            task = asyncio.create_task(self._handle(message))
            self._running.add(task)
            task.add_done_callback(self._running.discard)

    async def _handle(self, message: Msg) -> None:
        try:
            reply = await self._handler(parse((self._message_class,), message.headers, message.data))
            if reply is not None and message.reply:
                headers, payload = wire_of(reply)
                await self._connection.publish(message.reply, payload, headers)
        except (DecodeError, BusError) as error:
            log.warning("request_dropped", subject=message.subject, reason=str(error))
        except Exception:
            log.exception("request_failed", subject=message.subject)
