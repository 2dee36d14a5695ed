"""A system of so many rooms, each with one track, whose frames become captions in small groups."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

import psutil

from bus_load import pictures
from bus_load.child import child
from bus_load.load import PICTURE_BYTES, nats_servers
from bus_load.plain import SIGHTLINE
from bus_load.systems import Captioned, Sightline, listening, sightline
from sightline.embedded import NatsServer

AT_ONCE = 10
"""Frames on their way at once: as many as the smallest system has tracks."""

REFRESH_AT_ONCE = 50
ANSWER_SECONDS = 60


class Rooms:
    """One system. All of its times are in seconds."""

    def __init__(self, size: int, source: Sightline, server: psutil.Process, replica: psutil.Process) -> None:
        self._size, self._source = size, source
        self._server, self._replica = server, replica
        self._empty = server.memory_info().rss
        self._sequences = itertools.count(1)
        self._next = itertools.cycle(range(size))
        self._waiting: dict[int, asyncio.Future[Captioned]] = {}

    def heard(self, caption: Captioned) -> None:
        """A caption came."""
        waiting = self._waiting.pop(caption.sequence, None)
        if waiting is not None and not waiting.done():
            waiting.set_result(caption)

    async def fill(self) -> None:
        """A frame and a caption of each track."""
        await self.frames(self._size)

    async def refresh(self) -> None:
        """A frame of each track anew: frames are forgotten after a minute."""
        tracks = iter(range(self._size))
        await asyncio.gather(*(self._refresh(tracks) for _ in range(REFRESH_AT_ONCE)))

    async def frames(self, count: int) -> list[float]:
        """Let so many tracks, a group at a time, publish a frame; how long each took to its caption."""
        took: list[float] = []
        for first in range(0, count, AT_ONCE):
            group = [next(self._next) for _ in range(min(AT_ONCE, count - first))]
            took += await asyncio.gather(*map(self._frame, group))
        return took

    def memory(self) -> int:
        """Bytes that the server has in memory since it was empty."""
        return int(self._server.memory_info().rss) - self._empty

    def cpu_seconds(self) -> float:
        """Of the server, the source and the replica."""
        return _cpu([psutil.Process(), self._server, self._replica])

    def server_cpu_seconds(self) -> float:
        return _cpu([self._server])

    async def _frame(self, track: int) -> float:
        sequence = next(self._sequences)
        answer = self._waiting[sequence] = asyncio.get_running_loop().create_future()
        began = time.monotonic()
        await self._source.publish(track, sequence)
        caption = await asyncio.wait_for(answer, ANSWER_SECONDS)
        return caption.at - began

    async def _refresh(self, tracks: Iterable[int]) -> None:
        for track in tracks:
            await self._source.bus.publish(self._source.frame(track, next(self._sequences)))


@asynccontextmanager
async def rooms(size: int) -> AsyncIterator[Rooms]:
    """A server, a replica that captions at once, and a source of so many tracks."""
    picture = pictures.jpeg(PICTURE_BYTES)
    others = set(nats_servers())
    async with NatsServer() as server, AsyncExitStack() as stack:
        enter = stack.enter_async_context
        (process,) = set(nats_servers()) - others
        source = await enter(sightline(server.url, picture, pictures.WIDTH, pictures.HEIGHT))
        replica = child("bus_load.replicas", url=server.url, system=SIGHTLINE, names=["one"], seconds=0)
        found = Rooms(size, source, process, await enter(replica))
        await enter(listening(server.url, SIGHTLINE, found.heard))
        yield found


def _cpu(processes: Sequence[psutil.Process]) -> float:
    times = [each.cpu_times() for each in processes]
    return float(sum(each.user + each.system for each in times))
