"""A source and workers for tests of the ticket loop, on the real bus."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import Any

from sightline import topology
from sightline.bus import Bus
from sightline.config import BusSettings
from sightline.messages import Caption, DeadLetter, Frame, Lane, Message, Ticket, Track, Trigger
from sightline.runner import Runner
from sightline.worker import VisionWorker
from support.frames import RED, jpeg, plain

STAGE = "looker"
PICTURE = jpeg(plain(RED, 64, 48))


def track(number: int) -> Track:
    return Track(room="demo", participant=f"p{number}", id=f"TR_{number}")


class Source:
    """Publishes frames, and offers a ticket for each, as room-ingest does."""

    def __init__(self, bus: Bus, stage: str = STAGE) -> None:
        self._bus = bus
        self._stage = stage
        self.newest: Counter[str] = Counter()
        self._began = bus.now() - timedelta(hours=1)

    async def show(
        self, of: Track, data: bytes = PICTURE, trigger: Trigger = Trigger.TIMER, **fields: Any
    ) -> Frame:
        """One more frame of this track."""
        self.newest[of.id] += 1
        frame = Frame(
            track=of,
            sequence=self.newest[of.id],
            # A second apart by the camera's time, however fast the test is.
            captured_at=self._began + timedelta(seconds=self.newest[of.id]),
            trigger=trigger,
            width=64,
            height=48,
            data=data,
            **fields,
        )
        await self._bus.publish(frame)
        await self.ticket(frame)
        return frame

    async def ticket(self, frame: Frame) -> bool:
        ticket = Ticket(
            stage=self._stage, lane=Lane.of(frame.trigger), track=frame.track, sequence=frame.sequence
        )
        return await self._bus.offer(ticket)


class Looker(VisionWorker):
    """Captions each frame with its sequence, as soon as it is let. Same model as `worker_process`."""

    def __init__(self, slots: int = 1) -> None:
        self.concurrency = slots
        self.wants = self.wants.model_copy(update={"max_fps": 60.0})
        self.seen: list[Frame] = []
        self.arrived = asyncio.Condition()

    async def process(self, frame: Frame) -> Caption | None:
        self.seen.append(frame)
        async with self.arrived:
            self.arrived.notify_all()
        await self.until_let(frame)
        return Caption(text=f"frame {frame.sequence}", model="looker")

    async def until_let(self, frame: Frame) -> None:
        return

    async def has_seen(self, condition: Callable[[list[Frame]], bool]) -> None:
        async with asyncio.timeout(30), self.arrived:
            await self.arrived.wait_for(lambda: condition(self.seen))


class GatedLooker(Looker):
    """Lets one routine frame through per permit; requested frames pass at once."""

    def __init__(self, slots: int = 1) -> None:
        super().__init__(slots)
        self._permits = asyncio.Semaphore(0)

    def let(self, frames: int = 1) -> None:
        for _ in range(frames):
            self._permits.release()

    async def until_let(self, frame: Frame) -> None:
        if frame.trigger is not Trigger.USER_REQUEST:
            await self._permits.acquire()


@contextlib.asynccontextmanager
async def replica(
    worker: VisionWorker, bus: Bus, grace: float = 1.0, stage: str = STAGE
) -> AsyncIterator[Runner]:
    """A running replica of the stage; stopped at the end."""
    stopping = asyncio.Event()
    runner = Runner(worker, stage, bus)
    task = asyncio.create_task(runner.run(stopping, grace))
    try:
        yield runner
    finally:
        stopping.set()
        await task


@contextlib.asynccontextmanager
async def another_bus(bus: Bus) -> AsyncIterator[Bus]:
    """A connection of its own, as another process has."""
    async with Bus.open(BusSettings(url=bus.settings.url), name="another") as opened:
        yield opened


class Stored:
    """What a stream holds and gets, collected as it comes."""

    def __init__(self) -> None:
        self.messages: list[Any] = []
        self.grown = asyncio.Condition()

    async def has(self, count: int) -> list[Any]:
        """The messages, once there are so many."""
        async with asyncio.timeout(40), self.grown:
            await self.grown.wait_for(lambda: len(self.messages) >= count)
        return self.messages

    async def says(self, words: str) -> Any:
        """The newest caption, once it says this."""
        async with asyncio.timeout(40), self.grown:
            await self.grown.wait_for(lambda: bool(self.messages) and words in self.messages[-1].text)
            return self.messages[-1]


@contextlib.asynccontextmanager
async def stored(bus: Bus, stream: topology.Stream, message_class: type[Message]) -> AsyncIterator[Stored]:
    found = Stored()

    async def read() -> None:
        async for received in bus.feed(stream, stream.subjects[0], (message_class,), history="all"):
            async with found.grown:
                found.messages.append(received.message)
                found.grown.notify_all()

    task = asyncio.create_task(read())
    try:
        yield found
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def captions(bus: Bus) -> contextlib.AbstractAsyncContextManager[Stored]:
    return stored(bus, topology.CAPTIONS, Caption)


def dead_letters(bus: Bus) -> contextlib.AbstractAsyncContextManager[Stored]:
    return stored(bus, topology.DEAD, DeadLetter)
