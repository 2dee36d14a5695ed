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
from sightline.bus.connection import Connection, end
from sightline.bus.jetstream import STREAM_NOT_FOUND, ApiError, JetStream
from sightline.bus.received import Received, parse, parse_stored
from sightline.errors import BusClosedError, BusError, DecodeError, SightlineError
from sightline.log import get_logger
from sightline.messages import Message

log = get_logger()

History = Literal["newest", "all", "new"]

HEARTBEAT = 1.0
"""Seconds between the server's signs of life on an idle feed."""

MISSED = 3
_POLICIES: dict[History, str] = {"newest": "last_per_subject", "all": "all", "new": "new"}

M = TypeVar("M", bound=Message)


class BrokenError(Exception):
    """This consumer will deliver nothing more, or skipped something."""


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
                received = self._parse(message)
                if received is not None:
                    yield received
        finally:
            await end(subscription)
            if consumer:
                await self._delete_consumer(consumer)

    async def _create_consumer(self, inbox: str) -> str:
        info = await self._jetstream.api(f"STREAM.INFO.{self._stream}")
        if info["created"] != self._at.created:
            self._at = _Position(created=info["created"])
        config: dict[str, Any] = {
            "deliver_policy": _POLICIES[self._history],
            "ack_policy": "none",
            "deliver_subject": inbox,
            "filter_subject": self._subject,
            "headers_only": self._headers_only,
            "flow_control": True,
            "idle_heartbeat": round(HEARTBEAT * 1e9),
            "inactive_threshold": round(30 * 1e9),
            "max_deliver": 1,
            "mem_storage": True,
            "num_replicas": 1,
        }
        if self._at.sequence:
            config |= {"deliver_policy": "by_start_sequence", "opt_start_seq": self._at.sequence + 1}
        elif self._history == "new":
            # From here on also after a reconnect: what came meanwhile is new, too.
            self._at.sequence = info["state"]["last_seq"]
            config |= {"deliver_policy": "by_start_sequence", "opt_start_seq": self._at.sequence + 1}
        body = {"stream_name": self._stream, "config": config}
        created = await self._jetstream.api(f"CONSUMER.CREATE.{self._stream}", body)
        return str(created["name"])

    async def _check_same_stream(self) -> None:
        """A stream made anew between two requests would be read from a sequence that it has not yet."""
        info = await self._jetstream.api(f"STREAM.INFO.{self._stream}")
        if info["created"] != self._at.created:
            raise BrokenError("the stream is another")

    async def _delete_consumer(self, name: str) -> None:
        # A courtesy: the server forgets it after its inactive_threshold anyway.
        connection = self._jetstream.connection
        try:
            await connection.publish(f"$JS.API.CONSUMER.DELETE.{self._stream}.{name}", b"", {})
        except SightlineError as error:
            log.debug("feed_consumer_left", stream=self._stream, reason=str(error))

    def _parse(self, message: Msg) -> Received[Any] | None:
        delivered = message.metadata
        self._at.sequence = delivered.sequence.stream
        try:
            parsed = parse_stored(self._types, message.subject, message.headers, message.data)
        except DecodeError as error:
            log.warning("message_skipped", stream=self._stream, reason=str(error))
            return None
        return Received(parsed, delivered.timestamp, message.subject, message.headers or {})


async def deliveries(messages: asyncio.Queue[Msg], connection: Connection) -> AsyncGenerator[Msg, None]:
    """The messages of one consumer, each once, none missing; flow control and heartbeats answered.

    Raises:
        BrokenError: A gap, silence, or another connection.
    """
    count, silent, connections = 0, 0, connection.reconnects
    while True:
        try:
            # Not asyncio.wait_for: on Python 3.11 it may swallow a cancellation.
            async with asyncio.timeout(HEARTBEAT):
                message = await messages.get()
        except TimeoutError:
            silent += 1
            if silent >= MISSED:
                raise BrokenError("no sign of life from the consumer") from None
            message = None
        if connection.reconnects != connections:
            raise BrokenError("the connection is another")
        if message is None:
            continue
        silent = 0
        headers = message.headers or {}
        if headers.get("Status") == "100":
            await _answer(connection, message)
            if int(headers.get("Nats-Last-Consumer", count)) > count:
                raise BrokenError("messages were lost on the way")
            continue
        number = message.metadata.sequence.consumer
        if number != count + 1:
            raise BrokenError(f"expected delivery {count + 1}, got {number}")
        count = number
        yield message


async def _answer(connection: Connection, message: Msg) -> None:
    """Let the server go on, where it waits for us to keep up."""
    stalled = (message.headers or {}).get("Nats-Consumer-Stalled", "")
    for subject in filter(None, (message.reply, stalled)):
        await connection.publish(subject, b"", {})


def newest_received(types: tuple[type[M], ...], message: Msg) -> Received[M]:
    """Parse what a direct get answered.

    Raises:
        DecodeError: It is none of the types.
    """
    headers = message.headers or {}
    parsed = parse(types, headers, message.data)
    return Received(parsed, parse_time(headers["Nats-Time-Stamp"]), headers["Nats-Subject"], headers)
