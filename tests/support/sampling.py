"""A track's sampler on a real bus, with stages that ask for its frames."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from typing import Self

from sightline import subjects, topology
from sightline.bus import Bus
from sightline.messages import Frame, Lane, Ticket, Track, TrackEnded
from sightline.sampling.publisher import Publisher
from sightline.stages import StageEntry, StageRegistry, announce
from sightline.worker import StageWants
from sightline_ingest.sampler import TrackSampler
from sightline_ingest.settings import SamplingSettings

EAGER = SamplingSettings(speaking_fps=60, idle_interval=0.02, look_interval=0, scene_gap=0)
"""Samples nearly everything that it is shown."""

PATIENT = SamplingSettings(speaking_fps=0.05, idle_interval=30, look_interval=0, scene_gap=0)
"""Samples the first picture, new scenes and what is asked for; nothing by the timer, in a test."""

CAPTIONER = StageEntry(stage="captioner", wants=StageWants(max_fps=60))
ALICE = Track(room="demo", participant="alice", id="TR_1")


class Frames:
    """What is published of a track, in order."""

    def __init__(self) -> None:
        self._found: asyncio.Queue[Frame | TrackEnded] = asyncio.Queue()

    async def next(self) -> Frame:
        """The next frame. What comes instead is an error."""
        found = await self._found.get()
        assert isinstance(found, Frame), found
        return found

    async def all(self) -> tuple[list[Frame], TrackEnded]:
        """Every frame from here to the end of the track, and the end."""
        frames = []
        while isinstance(found := await self._found.get(), Frame):
            frames.append(found)
        return frames, found

    async def ended(self) -> TrackEnded:
        """The end of the track; frames before it are skipped."""
        while not isinstance(found := await self._found.get(), TrackEnded):
            pass
        return found

    async def until(self, sequence: int) -> Frame:
        """The first frame of at least that sequence; what comes before is skipped."""
        while not isinstance(found := await self._found.get(), Frame) or found.sequence < sequence:
            pass
        return found

    def seen(self) -> list[Frame | TrackEnded]:
        """What came until now and was not asked for."""
        return [self._found.get_nowait() for _ in range(self._found.qsize())]

    @classmethod
    @asynccontextmanager
    async def of(cls, bus: Bus, track: Track = ALICE) -> AsyncIterator[Self]:
        """Follow a track for as long as the block runs."""
        frames, ready = cls(), asyncio.Event()

        async def follow() -> None:
            types = (Frame, TrackEnded)
            async with aclosing(bus.feed(topology.FRAMES, subjects.frame(track), types)) as feed:
                ready.set()
                async for received in feed:
                    frames._found.put_nowait(received.message)

        async with running(follow()):
            await ready.wait()
            yield frames


@asynccontextmanager
async def running(*work: object) -> AsyncIterator[None]:
    """Run coroutines that never end by themselves, for as long as the block runs."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(each) for each in work]  # type: ignore[arg-type]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()


@asynccontextmanager
async def stages_of(bus: Bus, *entries: StageEntry) -> AsyncIterator[StageRegistry]:
    """A registry that knows these stages, which run for as long as the block does."""
    registry = StageRegistry(bus)
    async with running(registry.run(), *(announce(bus, entry) for entry in entries)):
        while not set(registry.wants) >= {entry.stage for entry in entries}:
            await registry.changed(registry.version)
        yield registry


@asynccontextmanager
async def sampling(
    bus: Bus,
    settings: SamplingSettings = EAGER,
    entries: Sequence[StageEntry] = (CAPTIONER,),
    track: Track = ALICE,
) -> AsyncIterator[tuple[TrackSampler, Frames]]:
    """A running sampler, and what it publishes."""
    async with stages_of(bus, *entries) as stages, Frames.of(bus, track) as frames:
        sampler = TrackSampler(track, Publisher(bus, stages), stages, settings)
        async with running(sampler.run()):
            yield sampler, frames


async def ticket(
    bus: Bus, lane: Lane = Lane.ROUTINE, stage: str = "captioner", track: Track = ALICE
) -> Ticket | None:
    """The ticket that waits in a track's slot."""
    received = await bus.newest(Ticket, subjects.work(stage, lane, track))
    return received.message if received else None


async def serve_ticket(bus: Bus, stage: str = "captioner", lane: Lane = Lane.ROUTINE) -> Ticket:
    """Take the next ticket of a stage, as a worker does, and be done with it."""
    queue = bus.queue(topology.lane_queue(stage, lane))
    while (taken := await queue.take()) is None:
        pass
    found = taken.parse(Ticket)
    await taken.done()
    return found
