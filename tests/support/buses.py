"""What tests of the bus share: messages, waiting for a state, and a plain NATS client beside it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import nats
import pytest
from nats.aio.client import Client

from sightline.bus import Bus, Received, Taken, WorkQueue
from sightline.embedded import NatsServer
from sightline.messages import Caption, Frame, Lane, Message, Ticket, Track
from support.frames import ALICE, frame
from support.nats_server import Server

SECONDS = 30.0
"""Longer than anything here takes: what comes later does not come."""

M = TypeVar("M", bound=Message)


def picture(sequence: int, size: int = 1000, track: Track = ALICE) -> Frame:
    """A frame of this many bytes that are no picture, which the bus does not mind."""
    return frame(b"x" * size, sequence, track)


def caption(sequence: int, text: str = "a cat", track: Track = ALICE) -> Caption:
    return Caption(text=text, stage="test", frame=picture(sequence, track=track).info)


def ticket(sequence: int = 1, track: Track = ALICE) -> Ticket:
    return Ticket(stage="test", lane=Lane.ROUTINE, track=track, sequence=sequence)


async def until(bus: Bus, true: Callable[[], bool], seconds: float = SECONDS) -> None:
    """Wait until the bus says of itself what `true` looks for."""
    async with asyncio.timeout(seconds):
        while True:
            version = bus.changes.version
            if true():
                return
            await bus.changes.after(version)


async def until_lost(bus: Bus) -> None:
    await until(bus, lambda: not bus.connected)


async def until_back(bus: Bus, generation: int = -1) -> None:
    """Wait until the bus is ready, in a later generation than this."""
    await until(bus, lambda: bus.ready and bus.generation > generation)


def fails_at_once(work: Coroutine[Any, Any, Any], error: type[Exception], match: str = ".") -> None:
    """Assert that this raises before it waits for anything."""
    with pytest.raises(error, match=match):
        work.send(None)
    work.close()


async def read(feed: AsyncIterator[Received[M]], count: int, seconds: float = SECONDS) -> list[M]:
    """The next messages of a feed, which stays open."""
    async with asyncio.timeout(seconds):
        return [(await anext(feed)).message for _ in range(count)]


async def take(queue: WorkQueue, seconds: float = SECONDS) -> Taken:
    """The next message of a queue."""
    async with asyncio.timeout(seconds):
        while (taken := await queue.take()) is None:
            pass
        return taken


async def left_behind(nats: NatsServer | Server) -> list[str]:
    """What still runs on the event loop, besides this test and the server's log."""
    running = asyncio.all_tasks() - {asyncio.current_task(), getattr(nats, "_reader", None)}
    if not running:
        return []
    _, pending = await asyncio.wait(running, timeout=1)  # cancelled ones end in their next turn
    return [repr(task) for task in pending]


@asynccontextmanager
async def pulling(queue: WorkQueue) -> AsyncIterator[WorkQueue]:
    """The queue, closed at the end."""
    try:
        yield queue
    finally:
        await queue.close()


@asynccontextmanager
async def raw(url: str, **options: Any) -> AsyncIterator[Client]:
    """A plain client of the same server, to ill-treat streams and to see what passes."""
    client = await nats.connect(url, allow_reconnect=False, connect_timeout=10, **options)
    try:
        yield client
    finally:
        await client.close()
