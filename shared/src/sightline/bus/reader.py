"""A consumer of one reader alone: made, listened to, and deleted.

The server forgets it by itself where its reader is gone without a word.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

from nats.aio.msg import Msg

from sightline.bus.connection import Connection
from sightline.bus.jetstream import JetStream
from sightline.errors import SightlineError
from sightline.log import get_logger

log = get_logger()

HEARTBEAT = 1.0
"""Seconds between the server's signs of life to a reader that gets nothing."""

MISSED = 3
FORGOTTEN = 30.0
"""Seconds until the server deletes a consumer that nobody listens to."""


class BrokenError(Exception):
    """This consumer will deliver nothing more, or skipped something."""


async def create_reader(
    jetstream: JetStream, stream: str, subject: str, inbox: str, start: dict[str, Any], headers_only: bool
) -> dict[str, Any]:
    """Make a consumer that sends to an inbox, unasked and without acks; what the server says of it.

    Args:
        start: Where it begins: ``deliver_policy``, and what the policy wants.

    Raises:
        ApiError: Refused; there may be no such stream.
        BusError: No answer.
    """
    config = {
        **start,
        "ack_policy": "none",
        "deliver_subject": inbox,
        "filter_subject": subject,
        "flow_control": True,
        "headers_only": headers_only,
        "idle_heartbeat": round(HEARTBEAT * 1e9),
        "inactive_threshold": round(FORGOTTEN * 1e9),
        "max_deliver": 1,
        "mem_storage": True,
        "num_replicas": 1,
    }
    return await jetstream.api(f"CONSUMER.CREATE.{stream}", {"stream_name": stream, "config": config})


async def delete_reader(jetstream: JetStream, stream: str, consumer: str) -> None:
    """Delete it, as a courtesy: the server would forget it."""
    try:
        await jetstream.connection.publish(f"$JS.API.CONSUMER.DELETE.{stream}.{consumer}", b"", {})
    except SightlineError as error:
        log.debug("reader_left", stream=stream, reason=str(error))


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
