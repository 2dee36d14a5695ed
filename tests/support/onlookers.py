"""Cameras that are looked at on request, and a stage that answers questions about their pixels.

Sampler, capture requests, ticket loop and bus are the real ones; only the pictures are the test's.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import numpy as np

from sightline.bus import Bus
from sightline.messages import Caption, Frame, Track
from sightline.runner import Runner
from sightline.sampling.control import Control
from sightline.sampling.publisher import Publisher
from sightline.worker import VisionWorker
from sightline_ingest.picture import Picture
from sightline_ingest.sampler import TrackSampler
from support.model_servers import describe
from support.sampling import CAPTIONER, PATIENT, running, stages_of

Colour = tuple[int, int, int]
"""Y, U, V."""

RED: Colour = (82, 90, 240)
GREEN: Colour = (145, 54, 34)
BLUE: Colour = (41, 240, 110)

WIDTH, HEIGHT = 64, 48


class Onlooker(VisionWorker):
    """Says what colour a picture has, and whose it is."""

    deadline = 30.0

    def __init__(self) -> None:
        self.asked: list[Frame] = []

    async def process(self, frame: Frame) -> Caption | None:
        return None

    async def ask(self, frame: Frame, question: str) -> str:
        self.asked.append(frame)
        return f"{describe(frame.pixels)} ({question})"


class Hesitant(Onlooker):
    """Answers when it is let."""

    def __init__(self) -> None:
        super().__init__()
        self.let = asyncio.Event()

    async def ask(self, frame: Frame, question: str) -> str:
        answer = await super().ask(frame, question)
        await self.let.wait()
        return answer


@asynccontextmanager
async def answering(bus: Bus, worker: VisionWorker, stage: str = "captioner") -> AsyncIterator[None]:
    """A replica of a stage, for as long as the block runs."""
    stopping = asyncio.Event()
    runner = asyncio.create_task(Runner(worker, stage, bus).run(stopping, grace=1.0))
    try:
        yield
    finally:
        stopping.set()
        await runner


class OnAir:
    """The cameras and screens of one room."""

    def __init__(self, bus: Bus, samplers: dict[Track, TrackSampler]) -> None:
        self._bus = bus
        self._samplers = samplers
        self._colours: dict[Track, Colour] = {}

    def show(self, track: Track, colour: Colour) -> None:
        """Show this from now on; the first picture is sampled at once."""
        self.becomes(track, colour)
        self._samplers[track].show(_picture(self._bus, colour))

    def becomes(self, track: Track, colour: Colour) -> None:
        """Look like this to whoever asks for a picture from now on, and to nobody before."""
        self._colours[track] = colour

    async def serve(self, track: Track) -> None:
        """Hand over a fresh picture whenever one is asked for."""
        sampler = self._samplers[track]
        demand = sampler.demand
        while True:
            if demand.interval == 0 and track in self._colours:
                sampler.show(_picture(self._bus, self._colours[track]))
            demand = await sampler.demand_changed(demand)


@asynccontextmanager
async def on_air(bus: Bus, *tracks: Track) -> AsyncIterator[OnAir]:
    """Real samplers of these tracks, which take capture requests for as long as the block runs."""
    async with stages_of(bus, CAPTIONER) as stages:
        samplers = {track: TrackSampler(track, Publisher(bus, stages), stages, PATIENT) for track in tracks}
        air = OnAir(bus, samplers)
        control = Control(bus, tracks[0].room)
        for track, sampler in samplers.items():
            await control.add(track.participant, sampler)
        try:
            async with running(*(each.run() for each in samplers.values()), *map(air.serve, tracks)):
                yield air
        finally:
            await control.close()


def _picture(bus: Bus, colour: Colour) -> Picture:
    y, u, v = colour
    return Picture(
        y=np.full((HEIGHT, WIDTH), y, np.uint8),
        u=np.full((HEIGHT // 2, WIDTH // 2), u, np.uint8),
        v=np.full((HEIGHT // 2, WIDTH // 2), v, np.uint8),
        captured_at=bus.now(),
    )
