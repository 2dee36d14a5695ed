"""The newest frame of each track as a queue: ``max_msgs_per_subject=1``, one durable consumer for all.

What JetStream's documentation offers for "only the newest of each": ``MaxMsgsPerSubject`` and ``DiscardOld``
(nats-io/nats.docs, ``nats-concepts/jetstream/streams.md``), pulled by all replicas through one durable pull
consumer (``nats-concepts/jetstream/consumers.md``), with nats-py's ``pull_subscribe`` and ``fetch(1)``. A
message is acknowledged after the work. In memory, as Sightline's own streams of frames and tickets.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack, suppress

import nats
from nats.aio.client import Client
from nats.errors import TimeoutError as NothingCameError
from nats.js.api import StorageType, StreamConfig
from nats.js.client import JetStreamContext

from bus_load.plain import caption_of

NAME = "max_msgs_per_subject=1"
PULL_SECONDS = 1.0

_STREAM = StreamConfig(
    name="frames", subjects=["frames.*"], storage=StorageType.MEMORY, max_msgs_per_subject=1
)


async def serve(url: str, names: list[str], seconds: float, stack: AsyncExitStack) -> None:
    """Start a replica of each name; they end with the stack."""
    for name in names:
        client = await nats.connect(url, name=name)
        stack.push_async_callback(client.close)
        jetstream = client.jetstream()
        await jetstream.add_stream(_STREAM)
        pulls = await jetstream.pull_subscribe("frames.*", durable="captioner", stream="frames")
        replica = asyncio.create_task(_replica(client, pulls, name, seconds))
        stack.push_async_callback(_end, replica)


async def _replica(
    client: Client, pulls: JetStreamContext.PullSubscription, name: str, seconds: float
) -> None:
    while True:
        with suppress(NothingCameError):
            (message,) = await pulls.fetch(1, timeout=PULL_SECONDS)
            began = time.monotonic()
            await asyncio.sleep(seconds)
            await client.publish(*caption_of(message.subject, message.headers or {}, name, began))
            await message.ack()


async def _end(replica: asyncio.Task[None]) -> None:
    replica.cancel()
    await asyncio.gather(replica, return_exceptions=True)
