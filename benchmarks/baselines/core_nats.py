"""Core NATS: publish, and a subscriber's callback begins. The least that a message bus can take in Python.

nats-py's ``publish`` and ``subscribe(cb=…)``, as its README has them: nothing is stored, nothing is shared
out, nothing comes again.
"""

from __future__ import annotations

import time
from contextlib import AsyncExitStack

import nats
from nats.aio.client import Client
from nats.aio.msg import Msg

from bus_load.plain import caption_of

NAME = "core NATS publish → subscribe"


async def serve(url: str, names: list[str], _seconds: float, stack: AsyncExitStack) -> None:
    """Subscribe once for each name; they end with the stack."""
    for name in names:
        client = await nats.connect(url, name=name)
        stack.push_async_callback(client.close)

        async def hear(message: Msg, client: Client = client, name: str = name) -> None:
            began = time.monotonic()
            await client.publish(*caption_of(message.subject, message.headers or {}, name, began))

        await client.subscribe("frames.*", cb=hear)
        await client.flush()
