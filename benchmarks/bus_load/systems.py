"""The source's side of what is compared: frames in, captions out, for Sightline and for the baselines."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import NamedTuple, Protocol

import nats
from nats.aio.msg import Msg

from baselines import faststream_pull, per_subject
from bus_load.plain import CAPTIONS, SEQUENCE, SIGHTLINE, Caption as PlainCaption, frame_subject, track_of
from bus_load.waiting import STAGE
from sightline import subjects
from sightline.bus import Bus
from sightline.config import BusSettings
from sightline.messages import Caption, Frame, FrameInfo, Track, Trigger, Wire
from sightline.sampling.publisher import Publisher
from sightline.stages import StageRegistry

BASELINES = (faststream_pull.NAME, per_subject.NAME)


class Captioned(NamedTuple):
    """A caption, as it came to whoever subscribes to captions.

    Attributes:
        at: When it came, on this machine's monotonic clock, as all times here.
        began: When the replica was given the frame.
    """

    track: int
    sequence: int
    replica: str
    began: float
    at: float


Heard = Callable[[Captioned], None]


class System(Protocol):
    """Where tracks publish frames."""

    async def publish(self, track: int, sequence: int) -> object:
        """Publish a frame of a track; returns once the bus has it."""


def track_of_number(number: int) -> Track:
    """Each simulated track is in a room of its own."""
    return Track(room=f"room-{number}", participant="alice", id=f"TR_{number}")


class Sightline:
    """Frames and tickets as every source of Sightline publishes them."""

    def __init__(self, bus: Bus, picture: bytes, width: int, height: int) -> None:
        self.bus = bus
        self._picture, self._width, self._height = picture, width, height
        self._publisher = Publisher(bus, StageRegistry(bus))

    async def publish(self, track: int, sequence: int, trigger: Trigger = Trigger.TIMER) -> Frame:
        frame = self.frame(track, sequence, trigger)
        await self._publisher.publish(frame, [STAGE])
        return frame

    def frame(self, track: int, sequence: int, trigger: Trigger = Trigger.TIMER) -> Frame:
        return Frame(
            track=track_of_number(track),
            sequence=sequence,
            captured_at=self.bus.now(),
            trigger=trigger,
            width=self._width,
            height=self._height,
            data=self._picture,
        )

    async def offer(self, frame: FrameInfo) -> None:
        """The ticket of a frame that is published already."""
        await self._publisher.offer(frame, [STAGE])


class Plain:
    """Frames in a JetStream stream, and nothing else."""

    def __init__(self, client: nats.aio.client.Client, picture: bytes) -> None:
        self._jetstream = client.jetstream()
        self._picture = picture

    async def publish(self, track: int, sequence: int) -> None:
        await self._jetstream.publish(frame_subject(track), self._picture, headers={SEQUENCE: str(sequence)})


@asynccontextmanager
async def sightline(url: str, picture: bytes, width: int, height: int) -> AsyncIterator[Sightline]:
    """A source of Sightline's."""
    async with Bus.open(BusSettings(url=url), name="source") as bus:
        yield Sightline(bus, picture, width, height)


@asynccontextmanager
async def plain(url: str, picture: bytes) -> AsyncIterator[Plain]:
    """A source of a baseline's."""
    client = await nats.connect(url)
    try:
        yield Plain(client, picture)
    finally:
        await client.close()


@asynccontextmanager
async def listening(url: str, system: str, heard: Heard) -> AsyncIterator[None]:
    """Tell each caption as it comes, on a connection of its own."""
    parse = _sightlines if system == SIGHTLINE else _plain
    client = await nats.connect(url)

    async def hear(message: Msg) -> None:
        heard(parse(message, time.monotonic()))

    await client.subscribe(f"{subjects.ROOT}.captions.>" if system == SIGHTLINE else CAPTIONS, cb=hear)
    await client.flush()
    try:
        yield
    finally:
        await client.close()


def _sightlines(message: Msg, at: float) -> Captioned:
    caption = Caption.from_wire(Wire(dict(message.headers or {}), message.data))
    assert caption.frame is not None
    track = int(caption.frame.track.id.removeprefix("TR_"))
    return Captioned(track, caption.frame.sequence, caption.model, float(caption.text), at)


def _plain(message: Msg, at: float) -> Captioned:
    caption = PlainCaption(*json.loads(message.data))
    return Captioned(track_of(message.subject), caption.sequence, caption.replica, caption.began, at)
