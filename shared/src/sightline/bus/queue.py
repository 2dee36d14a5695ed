"""A work queue shared among replicas: take, keep, done or retry."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, NamedTuple, TypeVar

import nats.errors
from nats.aio.msg import Msg

from sightline.bus.ensure import ensure_consumer
from sightline.bus.jetstream import JetStream
from sightline.bus.pulls import Pulls
from sightline.bus.received import parse
from sightline.errors import BusError
from sightline.log import get_logger
from sightline.messages import Message
from sightline.topology import Queue

log = get_logger()

PULL_SECONDS = 1.0
"""How long one pull waits at the server. A pull is lost when the server restarts; this bounds the loss."""

IDLE_PULLS = 5
"""After so many pulls without a message, ask whether the consumer still exists: a pull does not tell."""

M = TypeVar("M", bound=Message)


class Taken:
    """A message of a work queue, ours until ``done``, ``retry``, or ``ack_wait`` without ``keep``."""

    def __init__(self, message: Msg, jetstream: JetStream) -> None:
        self._message = message
        self._jetstream = jetstream
        self.payload: bytes = message.data
        self.headers: Mapping[str, str] = message.headers or {}
        self.subject: str = message.subject
        self.attempts: int = message.metadata.num_delivered
        self.at: datetime = message.metadata.timestamp

    def parse(self, message_class: type[M]) -> M:
        """Raises DecodeError."""
        return parse((message_class,), self.headers, self.payload)

    async def keep(self) -> None:
        """Say that the work is still in progress; another ``ack_wait`` begins.

        Raises:
            BusError: The server did not confirm it: another replica may get this message.
        """
        await self._tell(b"+WPI")

    async def done(self) -> None:
        """Remove it. When this returns the removal is applied: a plain ack is not, and a next message
        on the same subject would be refused.

        Raises:
            BusError: Not confirmed; the message may come again.
        """
        await self._tell(b"+ACK")

    async def retry(self, delay: float = 0.0) -> None:
        """Hand it back, for any replica, after ``delay`` seconds.

        Raises:
            BusError: Not confirmed; it comes back after ``ack_wait`` anyway.
        """
        await self._tell(b'-NAK {"delay": %d}' % round(delay * 1e9) if delay > 0 else b"-NAK")

    async def _tell(self, word: bytes) -> None:
        await self._jetstream.connection.request(self._message.reply, word)


class WorkQueue:
    """One puller of a shared queue. Each slot that works has its own."""

    def __init__(self, jetstream: JetStream, queue: Queue, repair: Callable[[], None]) -> None:
        """
        Args:
            repair: Called when a stream may be missing; must not block.
        """
        self._jetstream = jetstream
        self._queue = queue
        self._repair = repair
        self._pulls: Pulls | None = None
        self._bound = ""
        self._idle = 0
        self._pause = 0.1

    async def take(self) -> Taken | None:
        """The next message; None when none came within about a second, or the bus is away.

        Never cancel it: a cancelled pull stays at the server and swallows a message. It returns soon.

        Raises:
            TopologyError: The consumer exists with other settings.
            NotPermittedError: The credential has no right to it.
        """
        try:
            if self._pulls is None or self._idle >= IDLE_PULLS:
                await self._bind()
            return await self._pull()
        except (BusError, nats.errors.Error) as error:
            await self._recover(error)
            return None

    async def ensure(self) -> None:
        """Create the queue's consumer where it is missing, without taking anything.

        Raises:
            TopologyError: It exists with other settings.
            BusError: No answer, or its stream is missing.
        """
        await ensure_consumer(self._jetstream, self._queue)

    async def close(self) -> None:
        """Stop pulling. What was delivered and not taken comes back after ``ack_wait``."""
        if self._pulls is not None:
            await self._pulls.close()
            self._pulls = None

    async def _bind(self) -> None:
        created = await ensure_consumer(self._jetstream, self._queue)
        self._idle = 0
        if self._pulls is not None and created == self._bound:
            return
        await self.close()
        pulls = Pulls(self._jetstream.connection, self._queue)
        await pulls.open()
        self._pulls = pulls
        self._bound = created

    async def _pull(self) -> Taken | None:
        assert self._pulls is not None
        if not self._jetstream.connection.connected:
            raise BusError("not connected")
        message = await self._pulls.next(PULL_SECONDS)
        if message is None:
            self._idle += 1
            return None
        self._idle, self._pause = 0, 0.1
        return Taken(message, self._jetstream)

    async def _recover(self, error: Exception) -> None:
        log.debug("queue_again", queue=self._queue.name, reason=str(error))
        self._idle = IDLE_PULLS
        if self._jetstream.connection.connected and not isinstance(error, nats.errors.Error):
            self._repair()
        await asyncio.sleep(self._pause * random.uniform(0.5, 1))
        self._pause = min(self._pause * 2, 2.0)


class Lag(NamedTuple):
    """How far a stage is behind: tracks waiting, tracks in progress."""

    waiting: int
    in_progress: int


async def lag(jetstream: JetStream, queue: Queue) -> Lag:
    """How far who pulls this queue is behind.

    Raises:
        BusError: No answer, or no such queue.
    """
    info: dict[str, Any] = await jetstream.api(f"CONSUMER.INFO.{queue.stream}.{queue.name}")
    return Lag(info["num_pending"], info["num_ack_pending"])
