"""Reading a stream as it grows, through restarts of the server and recreated streams.

nats-py's ordered consumers and key-value watchers silently skip what a recreated memory stream
holds. So each feed has a consumer of its own, and makes another when anything is amiss.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from nats.aio.msg import Msg

from sightline.bus.clock import parse_time
from sightline.bus.connection import end
from sightline.bus.jetstream import STREAM_NOT_FOUND, ApiError, JetStream
from sightline.bus.reader import BrokenError, create_reader, delete_reader, deliveries
from sightline.bus.received import Received, delivered, parse
from sightline.errors import BusClosedError, BusError
from sightline.log import get_logger
from sightline.messages import Message

log = get_logger()

History = Literal["newest", "all", "new"]

_POLICIES: dict[History, str] = {"newest": "last_per_subject", "all": "all", "new": "new"}

M = TypeVar("M", bound=Message)


@dataclass(slots=True)
class _Position:
    """How far a feed is, so that another consumer goes on from there."""

    created: str = ""
    sequence: int = 0


class Feed:
    """One reader of one stream.

    Args:
        subject: Which subjects of the stream.
        types: Message classes to parse into; others are logged and skipped.
        headers_only: Leave payloads on the server.
        history: What to begin with: the newest message of each subject, all there are, or none.
        repair: Called when the stream is missing; must not block.
    """

    def __init__(
        self,
        jetstream: JetStream,
        stream: str,
        subject: str,
        types: tuple[type[M], ...],
        headers_only: bool,
        history: History,
        repair: Callable[[], None],
    ) -> None:
        self._jetstream = jetstream
        self._repair = repair
        self._stream, self._subject = stream, subject
        self._types: tuple[type[Message], ...] = types
        self._headers_only, self._history = headers_only, history
        self._at = _Position()

    async def read(self) -> AsyncGenerator[Received[Any], None]:
        """Messages in the order of the stream, for ever; after a loss of the stream its history again."""
        pause = 0.1
        while True:
            try:
                async with aclosing(self._consume()) as consumed:
                    async for received in consumed:
                        pause = 0.1
                        yield received
            except BusClosedError:
                raise
            except (BrokenError, BusError) as problem:
                if isinstance(problem, ApiError) and problem.err_code == STREAM_NOT_FOUND:
                    self._repair()
                log.debug("feed_again", stream=self._stream, subject=self._subject, reason=str(problem))
            await asyncio.sleep(pause * random.uniform(0.5, 1))
            pause = min(pause * 2, 2.0)

    async def _consume(self) -> AsyncGenerator[Received[Any], None]:
        connection = self._jetstream.connection
        inbox = connection.client.new_inbox() if connection.connected else ""
        messages: asyncio.Queue[Msg] = asyncio.Queue()
        subscription = await connection.subscribe(inbox or self._subject, cb=messages.put)
        consumer = ""
        try:
            consumer = await self._create_consumer(inbox)
            if self._at.sequence:
                await self._check_same_stream()
            async for message in deliveries(messages, connection):
                self._at.sequence = message.metadata.sequence.stream
                if (received := delivered(self._stream, self._types, message)) is not None:
                    yield received
        finally:
            await end(subscription)
            if consumer:
                await delete_reader(self._jetstream, self._stream, consumer)

    async def _create_consumer(self, inbox: str) -> str:
        info = await self._jetstream.api(f"STREAM.INFO.{self._stream}")
        if info["created"] != self._at.created:
            self._at = _Position(created=info["created"])
        start: dict[str, Any] = {"deliver_policy": _POLICIES[self._history]}
        if self._at.sequence:
            start = {"deliver_policy": "by_start_sequence", "opt_start_seq": self._at.sequence + 1}
        elif self._history == "new":
            # From here on also after a reconnect: what came meanwhile is new, too.
            self._at.sequence = info["state"]["last_seq"]
            start = {"deliver_policy": "by_start_sequence", "opt_start_seq": self._at.sequence + 1}
        created = await create_reader(
            self._jetstream, self._stream, self._subject, inbox, start, self._headers_only
        )
        return str(created["name"])

    async def _check_same_stream(self) -> None:
        """A stream made anew between two requests would be read from a sequence that it has not yet."""
        info = await self._jetstream.api(f"STREAM.INFO.{self._stream}")
        if info["created"] != self._at.created:
            raise BrokenError("the stream is another")


def newest_received(types: tuple[type[M], ...], message: Msg) -> Received[M]:
    """Parse what a direct get answered.

    Raises:
        DecodeError: It is none of the types.
    """
    headers = message.headers or {}
    parsed = parse(types, headers, message.data)
    return Received(parsed, parse_time(headers["Nats-Time-Stamp"]), headers["Nats-Subject"], headers)
