"""What a stream holds now: read once, from the oldest to the newest."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import datetime
from typing import Any, NamedTuple

from nats.aio.msg import Msg

from sightline.bus.connection import end
from sightline.bus.jetstream import JetStream
from sightline.bus.reader import BrokenError, create_reader, delete_reader, deliveries
from sightline.bus.received import Received, delivered
from sightline.errors import BusError
from sightline.messages import Message
from sightline.topology import Stream


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
        created = await create_reader(jetstream, stream, subject, inbox, _start(since), headers_only)
        consumer = created["name"]
        # Some may be on their way already.
        left = created["num_pending"] + created["delivered"]["consumer_seq"]
        if left:
            async with aclosing(deliveries(messages, connection)) as arriving:
                async for message in arriving:
                    left = min(left - 1, message.metadata.num_pending)
                    if (received := delivered(stream, types, message)) is not None:
                        yield received
                    if left <= 0:
                        return
    except BrokenError as error:
        raise BusError(f"what {stream} holds could not be read: {error}") from error
    finally:
        await end(subscription)
        if consumer:
            await delete_reader(jetstream, stream, consumer)


def _start(since: datetime | None) -> dict[str, Any]:
    if since is None:
        return {"deliver_policy": "all"}
    return {"deliver_policy": "by_start_time", "opt_start_time": since.isoformat()}
