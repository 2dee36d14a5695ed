"""``sightline tail``: captions, frames and images as they happen."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from contextlib import aclosing
from enum import StrEnum
from typing import Any, Literal, NoReturn

from sightline import subjects, topology
from sightline.bus import Bus
from sightline.cli import records
from sightline.cli.connect import open_bus
from sightline.cli.output import emit, say
from sightline.messages import Caption, EncodedImage, FrameInfo, TrackEnded


class Kind(StrEnum):
    """What can be watched."""

    FRAMES = "frames"
    CAPTIONS = "captions"
    IMAGES = "images"


SHOWN: dict[Kind, tuple[topology.Stream, tuple[type[Any], ...]]] = {
    Kind.FRAMES: (topology.FRAMES, (FrameInfo, TrackEnded)),
    Kind.CAPTIONS: (topology.CAPTIONS, (Caption,)),
    Kind.IMAGES: (topology.IMAGES, (EncodedImage,)),
}
History = Literal["newest", "all", "new"]


async def tail(room: str | None, kinds: frozenset[Kind], as_json: bool, history: History) -> None:
    """Print what happens, until cancelled.

    Args:
        history: What to begin with.
    """
    async with open_bus() as bus:

        def show(sight: records.Sight) -> None:
            now = bus.now()
            if as_json:
                emit(records.record(sight, now))
            else:
                say(f"{now:%H:%M:%S} {records.line(sight, now)}")

        await follow(bus, room, show, kinds, history)


async def follow(
    bus: Bus,
    room: str | None,
    show: Callable[[records.Sight], None],
    kinds: Collection[Kind] = tuple(Kind),
    history: History = "new",
) -> NoReturn:
    """Hand everything that is published for a room, or for all, to ``show``; until cancelled.

    Frames come without their pixels. After the loss of a stream its ``history`` comes again.
    """
    everywhere = ">" if room is None else f"{subjects.token(room)}.>"
    async with asyncio.TaskGroup() as group:
        for kind in kinds:
            group.create_task(_follow_one(bus, kind, everywhere, show, history))
    raise AssertionError("feeds never end by themselves")


async def _follow_one(
    bus: Bus, kind: Kind, everywhere: str, show: Callable[[records.Sight], None], history: History
) -> None:
    stream, types = SHOWN[kind]
    subject = f"{subjects.ROOT}.{kind.value}.{everywhere}"
    feed = bus.feed(stream, subject, types, headers_only=kind is Kind.FRAMES, history=history)
    async with aclosing(feed):
        async for received in feed:
            show(received.message)
