"""One frame at a time, from the bus to where the work begins, for Sightline and for core NATS."""

from __future__ import annotations

import asyncio
import itertools
import random
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import NamedTuple

import nats
from nats.aio.client import Client

from baselines import core_nats
from bus_load import pictures
from bus_load.child import child
from bus_load.plain import SEQUENCE, SIGHTLINE, frame_subject
from bus_load.systems import Captioned, Sightline, listening, sightline
from sightline.embedded import NatsServer

PAUSE = 0.005
"""Seconds, about, from one frame to the next: nothing else is going on."""

ANSWER_SECONDS = 10


class Took(NamedTuple):
    """Seconds that one frame took.

    Attributes:
        begins: From when the frame is on the bus to when the work begins.
        whole: From when the source begins to publish it.
    """

    begins: float
    whole: float


class Paths:
    """Both ways, between the same processes on the same server."""

    def __init__(self, source: Sightline, client: Client, picture: bytes) -> None:
        self.size = len(picture)
        self._source, self._client, self._picture = source, client, picture
        self._numbers = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[Captioned]] = {}

    def heard(self, caption: Captioned) -> None:
        """What the other process says of a frame."""
        if waiting := self._waiting.pop(caption.sequence, None):
            waiting.set_result(caption)

    async def tickets(self, count: int) -> list[Took]:
        """Frame and ticket to a replica with a real runner."""
        return [await self._ticket() for _ in range(count)]

    async def core(self, count: int) -> list[Took]:
        """The same bytes to a subscriber."""
        return [await self._core() for _ in range(count)]

    async def _ticket(self) -> Took:
        number, answer = self._expect()
        await asyncio.sleep(PAUSE * random.uniform(0.5, 1.5))
        frame = self._source.frame(0, number)
        began = time.monotonic()
        await self._source.bus.publish(frame)
        on_the_bus = time.monotonic()
        await self._source.offer(frame)
        caption = await asyncio.wait_for(answer, ANSWER_SECONDS)
        return Took(caption.began - on_the_bus, caption.began - began)

    async def _core(self) -> Took:
        number, answer = self._expect()
        await asyncio.sleep(PAUSE * random.uniform(0.5, 1.5))
        began = time.monotonic()
        await self._client.publish(frame_subject(0), self._picture, headers={SEQUENCE: str(number)})
        caption = await asyncio.wait_for(answer, ANSWER_SECONDS)
        return Took(caption.began - began, caption.began - began)

    def _expect(self) -> tuple[int, asyncio.Future[Captioned]]:
        number = next(self._numbers)
        answer = self._waiting[number] = asyncio.get_running_loop().create_future()
        return number, answer


@asynccontextmanager
async def paths(size: int) -> AsyncIterator[Paths]:
    """A server, a replica and a subscriber, each a process of its own."""
    picture = pictures.jpeg(size)
    async with NatsServer() as server, AsyncExitStack() as stack:
        enter = stack.enter_async_context
        source = await enter(sightline(server.url, picture, pictures.WIDTH, pictures.HEIGHT))
        client = await nats.connect(server.url)
        stack.push_async_callback(client.close)
        found = Paths(source, client, picture)
        for system in (SIGHTLINE, core_nats.NAME):
            await enter(listening(server.url, system, found.heard))
            await enter(child("bus_load.replicas", url=server.url, system=system, names=["one"], seconds=0))
        yield found
