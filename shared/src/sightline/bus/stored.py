"""What a stream holds now: read once, from the oldest to the newest."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import datetime
from typing import Any, NamedTuple

from nats.aio.msg import Msg

from sightline.bus.connection import end
from sightline.bus.feed import HEARTBEAT, BrokenError, deliveries
from sightline.bus.jetstream import JetStream
from sightline.bus.received import Received, parse_stored
from sightline.errors import BusError, DecodeError, SightlineError
from sightline.log import get_logger
from sightline.messages import Message
from sightline.topology import Stream

log = get_logger()


class Held(NamedTuple):
    """What a stream holds, and the most that it may; -1 is no limit."""

    messages: int
    bytes: int
    max_bytes: int


class Stores:
    """What is asked and done about whole streams, by people and what they watch with."""

    def __init__(self, jetstream: JetStream) -> None:
        self._jetstream = jetstream

    async def held(self, stream: Stream) -> Held:
        """Raises BusError: no answer, or no such stream."""
        info = await self._jetstream.api(f"STREAM.INFO.{stream.name}")
        state = info["state"]
        return Held(state["messages"], state["bytes"], info["config"].get("max_bytes", -1))

    async def delete(self, stream: Stream, sequence: int) -> None:
        """Delete one message for good.

        Raises:
            BusError: It is not there, or no answer.
            NotPermittedError: The credential may not; those of services never may.
        """
        await self._jetstream.api(f"STREAM.MSG.DELETE.{stream.name}", {"seq": sequence, "no_erase": True})


async def read_stored(
    jetstream: JetStream,
    stream: str,
    subject: str,
    types: tuple[type[Message], ...],
    since: datetime | None = None,
    headers_only: bool = False,
) -> AsyncGenerator[Received[Any], None]:
    """The messages of a subject, oldest first, to the one that is the newest now.

    Messages that do not parse are logged and skipped.

    Args:
        since: Only what was stored from then on.
        headers_only: Without payloads.

    Raises:
        BusError: Not all of it could be read.
    """
    connection = jetstream.connection
    inbox = connection.client.new_inbox() if connection.connected else ""
    messages: asyncio.Queue[Msg] = asyncio.Queue()
    subscription = await connection.subscribe(inbox or subject, cb=messages.put)
    consumer = ""
    try:
        created = await jetstream.api(
            f"CONSUMER.CREATE.{stream}", _config(stream, subject, inbox, since, headers_only)
        )
        consumer = created["name"]
        # Some may be on their way already.
        left = created["num_pending"] + created["delivered"]["consumer_seq"]
        if left:
            async with aclosing(deliveries(messages, connection)) as delivered:
                async for message in delivered:
                    left = min(left - 1, message.metadata.num_pending)
                    if (received := _received(stream, types, message)) is not None:
                        yield received
                    if left <= 0:
                        return
    except BrokenError as error:
        raise BusError(f"what {stream} holds could not be read: {error}") from error
    finally:
        await end(subscription)
        if consumer:
            await _delete(jetstream, stream, consumer)


def _config(
    stream: str, subject: str, inbox: str, since: datetime | None, headers_only: bool
) -> dict[str, Any]:
    start = {"deliver_policy": "all"}
    if since is not None:
        start = {"deliver_policy": "by_start_time", "opt_start_time": since.isoformat()}
    config: dict[str, Any] = {
        **start,
        "ack_policy": "none",
        "deliver_subject": inbox,
        "filter_subject": subject,
        "flow_control": True,
        "headers_only": headers_only,
        "idle_heartbeat": round(HEARTBEAT * 1e9),
        "inactive_threshold": round(30 * 1e9),
        "max_deliver": 1,
        "mem_storage": True,
        "num_replicas": 1,
    }
    return {"stream_name": stream, "config": config}


def _received(stream: str, types: tuple[type[Message], ...], message: Msg) -> Received[Any] | None:
    try:
        parsed = parse_stored(types, message.subject, message.headers, message.data)
    except DecodeError as error:
        log.warning("message_skipped", stream=stream, reason=str(error))
        return None
    about = message.metadata
    return Received(parsed, about.timestamp, message.subject, message.headers or {}, about.sequence.stream)


async def _delete(jetstream: JetStream, stream: str, consumer: str) -> None:
    # A courtesy: the server forgets it after its inactive_threshold anyway.
    try:
        await jetstream.connection.publish(f"$JS.API.CONSUMER.DELETE.{stream}.{consumer}", b"", {})
    except SightlineError as error:
        log.debug("reader_left", stream=stream, reason=str(error))
