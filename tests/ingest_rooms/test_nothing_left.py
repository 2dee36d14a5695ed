"""After any number of tracks have come and gone, nothing of them is left in the process."""

from __future__ import annotations

import asyncio
import gc
import weakref
from types import CoroutineType
from typing import NamedTuple

import psutil
import pytest
from livekit import rtc
from livekit.rtc._ffi_client import FfiClient  # its subscribers are what leaks when a stream stays open
from prometheus_client import REGISTRY

from sightline.bus import Bus
from sightline_ingest.sampler import TrackSampler
from sightline_ingest.subscription import Subscription
from sightline_ingest.visit import Visit
from support.livekit_publisher import Publisher
from support.livekit_server import LiveKitServer
from support.room_ingest import Ingest, Watch, stage, want

pytestmark = pytest.mark.livekit

SETTLE_SECONDS = 20.0
SEEN = 3
"""The way of a participant who is seen, and leaves."""
MiB = 1024 * 1024


class Left(NamedTuple):
    """What there is of things that come and go."""

    tasks: int
    ffi_subscribers: int
    objects: int
    tracks: float
    streams: float

    @classmethod
    def now(cls) -> Left:
        gc.collect()
        kinds = (TrackSampler, Subscription, Visit, rtc.VideoStream, rtc.RemoteVideoTrack)
        return cls(
            tasks=sum(map(_is_of_ingest, asyncio.all_tasks())),
            ffi_subscribers=len(FfiClient.instance.queue._subscribers),
            objects=sum(isinstance(each, kinds) for each in gc.get_objects()),
            tracks=REGISTRY.get_sample_value("sightline_ingest_tracks") or 0,
            streams=REGISTRY.get_sample_value("sightline_ingest_streams") or 0,
        )

    def more_than(self, other: Left) -> list[str]:
        """Of what there is more."""
        return [name for name, mine, theirs in zip(self._fields, self, other, strict=True) if mine > theirs]

    @classmethod
    async def settled(cls, at_most: Left) -> Left:
        """What is left once it is no more than this, or after a while."""
        left = cls.now()
        try:
            async with asyncio.timeout(SETTLE_SECONDS):
                while left.more_than(at_most):
                    await asyncio.sleep(0.05)  # nothing tells when a task is gone
                    left = cls.now()
        except TimeoutError:
            pass
        return left


def _is_of_ingest(task: asyncio.Task[object]) -> bool:
    """Those of the bus come and go with its pulls."""
    coroutine = task.get_coro()
    assert isinstance(coroutine, CoroutineType)
    return any(part in coroutine.cr_code.co_filename for part in ("sightline_ingest", "livekit"))


async def cycle(livekit: LiveKitServer, room: str, watch: Watch, number: int) -> None:
    """One participant comes, shows something, and goes, in one of four ways."""
    async with Publisher(livekit, room, f"guest {number}") as guest:
        camera = await guest.camera(size=(160, 90))
        way = number % 4
        if way == 0:
            return  # before anybody has looked
        await watch.frame(track=camera.sid)
        if way == 1:
            await camera.unpublish()
            await watch.ended(camera.sid)
        elif way == 2:
            so_far = len(watch.seen)
            camera.mute()
            await watch.ended(camera.sid)
            camera.unmute()
            await watch.frame(since=so_far, track=camera.sid)


async def of_an_empty_room(livekit: LiveKitServer, room: str, watch: Watch) -> Left:
    """What there is while a room is visited that shows nothing, and so is always there.

    On a machine so busy that the lease lapses there is less for a moment: the room is left and joined
    anew. So this counts only when one and the same visit saw a track before it, and one after it.
    """
    while True:
        await cycle(livekit, room, watch, SEEN)
        visits = weakref.WeakSet(visits_now())
        nothing = Left.now()._replace(objects=1, tracks=0, streams=0)
        left = await Left.settled(nothing)
        await cycle(livekit, room, watch, SEEN)
        watch.seen.clear()
        if visits & visits_now():
            assert left.objects == 1, "the visit, and nothing of its tracks"
            return left


def visits_now() -> set[Visit]:
    """The stay in the room of this test; none while it is lost."""
    gc.collect()
    return {each for each in gc.get_objects() if isinstance(each, Visit)}


async def cycles_leave_nothing(
    bus: Bus, livekit: LiveKitServer, room: str, count: int, interval: float
) -> None:
    process = psutil.Process()
    async with (
        stage(bus),
        Publisher(livekit, room, "host"),
        Ingest(bus, livekit, idle_interval=interval),
        Watch(bus, room) as watch,
    ):
        await want(bus, room)
        for number in range(8):  # what is made once, and kept
            await cycle(livekit, room, watch, number)
        before = await of_an_empty_room(livekit, room, watch)
        memory = process.memory_info().rss
        for number in range(count):
            await cycle(livekit, room, watch, number)
            watch.seen.clear()
        after = await Left.settled(before)
        assert after.tracks == after.streams == 0
        assert not after.more_than(before), f"{before} before, {after} after {count} cycles"
        assert process.memory_info().rss - memory < 100 * MiB


async def test_nothing_is_left_of_tracks_that_were_watched(
    bus: Bus, livekit: LiveKitServer, room: str
) -> None:
    await cycles_leave_nothing(bus, livekit, room, count=24, interval=1.0)


async def test_nothing_is_left_of_tracks_that_were_looked_at_now_and_then(
    bus: Bus, livekit: LiveKitServer, room: str
) -> None:
    await cycles_leave_nothing(bus, livekit, room, count=24, interval=3.0)


@pytest.mark.slow
@pytest.mark.timeout(1200)
async def test_nothing_is_left_after_five_hundred_tracks(bus: Bus, livekit: LiveKitServer, room: str) -> None:
    await cycles_leave_nothing(bus, livekit, room, count=500, interval=1.0)


async def test_nothing_is_left_of_rooms_that_are_over(bus: Bus, livekit: LiveKitServer, room: str) -> None:
    async with stage(bus), Ingest(bus, livekit, empty_grace=0.2):

        async def visit(number: int) -> None:
            name = f"{room} {number}"
            async with Watch(bus, name) as watch:
                async with Publisher(livekit, name) as alice:
                    camera = await alice.camera(size=(160, 90))
                    await want(bus, name)
                    await watch.frame(track=camera.sid)
                await watch.ended(camera.sid)
                # It is over when it may be wanted again.
                while not await want(bus, name):
                    pass

        for number in range(2):
            await visit(number)
        before = await Left.settled(Left.now()._replace(tracks=0, streams=0))
        for number in range(2, 12):
            await visit(number)
        after = await Left.settled(before)
        assert not after.more_than(before), f"{before} before, {after} after"
