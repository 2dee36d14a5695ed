"""FastStream's pull subscriber, as its documentation has it.

``docs/docs/en/nats/jetstream/pull.md`` and ``docs_src/nats/js/pull_sub_batch_example.py`` of
ag2ai/faststream: ``@broker.subscriber(SUBJECT, stream=…, durable=…, pull_sub=PullSub())``. Replicas share the
durable consumer. ``PullSub()`` takes one message at a time (``batch_size=1``), which is what a model that
does one frame at a time wants: a larger batch is handled all at once, by ``_consume_pull`` in
``faststream/nats/subscriber/usecases/stream_pull_subscriber.py``. It acknowledges after the handler. The
stream is FastStream's own default: it keeps all messages until they are served.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack

from faststream.nats import JStream, NatsBroker, PullSub
from faststream.nats.annotations import NatsMessage

from bus_load.plain import caption_of

NAME = "FastStream pull subscriber"


async def serve(url: str, names: list[str], seconds: float, stack: AsyncExitStack) -> None:
    """Start a replica of each name; they end with the stack."""
    for name in names:
        broker = _replica(url, name, seconds)
        stack.push_async_callback(broker.stop)
        await broker.start()


def _replica(url: str, name: str, seconds: float) -> NatsBroker:
    broker = NatsBroker(url, logger=None)

    @broker.subscriber("frames.*", stream=JStream("frames"), durable="captioner", pull_sub=PullSub())
    async def caption(_frame: bytes, message: NatsMessage) -> None:
        began = time.monotonic()
        await asyncio.sleep(seconds)
        raw = message.raw_message
        subject, payload = caption_of(raw.subject, raw.headers or {}, name, began)
        await broker.publish(payload, subject)

    return broker
