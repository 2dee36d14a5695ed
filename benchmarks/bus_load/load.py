"""Many tracks that publish at their own pace, and what became of their frames."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

import psutil

from bus_load import pictures, systems
from bus_load.child import child
from bus_load.plain import SIGHTLINE
from bus_load.systems import Captioned, System
from sightline.changes import Changes
from sightline.embedded import NatsServer

PICTURE_BYTES = 30_000
PROCESSES = 2
JITTER = 0.1
"""Cameras are not exact. A shared queue of newest frames starves more tracks without it."""


@dataclass
class Record:
    """What was published, and what was captioned, of one run.

    Attributes:
        taken: Track and sequence -> when the source began to publish it.
        captions: In the order in which they came.
        changes: Tells of each.
    """

    taken: dict[tuple[int, int], float] = field(default_factory=dict)
    captions: list[Captioned] = field(default_factory=list)
    changes: Changes = field(default_factory=Changes)

    def heard(self, caption: Captioned) -> None:
        """A caption came."""
        self.captions.append(caption)
        self.changes.tell()

    def between(self, begin: float, end: float) -> list[Captioned]:
        return [each for each in self.captions if begin <= each.at < end]

    def staleness(self, captions: Iterable[Captioned]) -> list[float]:
        """How old each caption's frame was as the caption came."""
        return [each.at - self.taken[each.track, each.sequence] for each in captions]


@dataclass(frozen=True, slots=True)
class Fleet:
    """A server, replicas in processes beside it, and a source: for Sightline or for a baseline."""

    system: System
    url: str
    record: Record
    processes: tuple[psutil.Process, ...]
    _sequences: Counter[int] = field(default_factory=Counter)

    def cpu_seconds(self) -> float:
        """Of all processes, this one included."""
        times = [each.cpu_times() for each in self.processes]
        return sum(each.user + each.system for each in times)

    def next_sequence(self, track: int) -> int:
        """Of a frame that is taken now."""
        self._sequences[track] += 1
        self.record.taken[track, self._sequences[track]] = time.monotonic()
        return self._sequences[track]

    async def publish(self, tracks: int, interval: float, seconds: float) -> None:
        """Let each track publish a frame each interval, about, for so many seconds."""
        end = time.monotonic() + seconds
        await asyncio.gather(*(self._track(number, interval, end) for number in range(tracks)))

    async def _track(self, track: int, interval: float, end: float) -> None:
        await asyncio.sleep(random.uniform(0, interval))
        while (began := time.monotonic()) < end:
            await self.system.publish(track, self.next_sequence(track))
            pause = interval * random.uniform(1 - JITTER, 1 + JITTER)
            await asyncio.sleep(max(0.0, began + pause - time.monotonic()))


@asynccontextmanager
async def fleet(name: str, replicas: int, seconds: float) -> AsyncIterator[Fleet]:
    """So many replicas that take so many seconds for a caption, in two processes at most."""
    picture = pictures.jpeg(PICTURE_BYTES)
    async with NatsServer() as server, AsyncExitStack() as stack:
        record = Record()
        await stack.enter_async_context(systems.listening(server.url, name, record.heard))
        shares = [
            [f"r{number}" for number in range(first, replicas, PROCESSES)] for first in range(PROCESSES)
        ]
        processes = [psutil.Process(), *nats_servers()]
        for names in filter(None, shares):
            running = child("bus_load.replicas", url=server.url, system=name, names=names, seconds=seconds)
            processes.append(await stack.enter_async_context(running))
        source = (
            systems.sightline(server.url, picture, pictures.WIDTH, pictures.HEIGHT)
            if name == SIGHTLINE
            else systems.plain(server.url, picture)
        )
        yield Fleet(await stack.enter_async_context(source), server.url, record, tuple(processes))


def nats_servers() -> list[psutil.Process]:
    """Those that this process runs."""
    return [each for each in psutil.Process().children() if each.name() == "nats-server"]


def rate(captions: Sequence[Captioned]) -> float:
    """Captions a second: of each replica from its first caption to its last, added up.

    Of all of them from the first to the last it would depend on how many came in step at either end.
    """
    times: defaultdict[str, list[float]] = defaultdict(list)
    for each in captions:
        times[each.replica].append(each.at)
    return sum((len(each) - 1) / (each[-1] - each[0]) for each in times.values() if len(each) > 1)


def shares(captions: Sequence[Captioned], tracks: int) -> list[int]:
    """How many captions each track got."""
    counts = Counter(each.track for each in captions)
    return [counts[number] for number in range(tracks)]


def jain(counts: Sequence[int]) -> float:
    """Jain's index of fairness: 1 is equal shares, 1/n is one taking all."""
    return sum(counts) ** 2 / (len(counts) * sum(count * count for count in counts))
