"""Rooms as leases on a real bus: taken, kept, settled, and lost when the bus does not confirm them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from sightline import topology
from sightline.bus import Bus
from sightline.bus.queue import Taken
from sightline.errors import BusError
from sightline.messages import FrameInfo, RoomWanted, TrackEnded
from sightline.stages import StageRegistry
from sightline_ingest.fenced import FencedPublisher
from sightline_ingest.lease import LAPSE_SECONDS, Lease
from sightline_ingest.leases import Outcome, RoomLeases
from support.frames import RED, frame, plain
from support.nats_server import Server


class Rooms:
    """Samples rooms by noting them; each is over when the test says so."""

    def __init__(self) -> None:
        self.entered: asyncio.Queue[str] = asyncio.Queue()
        self.left: asyncio.Queue[str] = asyncio.Queue()
        self.outcomes: dict[str, asyncio.Future[Outcome]] = {}

    async def sample(self, room: str, _lease: Lease) -> Outcome:
        outcome = self.outcomes[room] = asyncio.get_running_loop().create_future()
        self.entered.put_nowait(room)
        try:
            return await outcome
        finally:
            self.left.put_nowait(room)


@asynccontextmanager
async def replica(
    bus: Bus, sample: Callable[[str, Lease], Awaitable[Outcome]], capacity: int = 10
) -> AsyncIterator[RoomLeases]:
    stopping = asyncio.Event()
    leases = RoomLeases(bus.queue(topology.ROOM_QUEUE), sample, capacity)
    running = asyncio.create_task(leases.run(stopping))
    try:
        yield leases
    finally:
        stopping.set()
        await running


async def taken_by_another(bus: Bus) -> Taken:
    """The next room that a further replica gets."""
    queue = bus.queue(topology.ROOM_QUEUE)
    try:
        while True:
            taken = await queue.take()
            if taken is not None:
                return taken
    finally:
        await queue.close()


async def wanted(bus: Bus, room: str) -> bool:
    return await bus.offer(RoomWanted(room=room))


async def test_an_announced_room_is_sampled_and_announcing_it_again_is_harmless(bus: Bus) -> None:
    rooms = Rooms()
    async with replica(bus, rooms.sample) as leases:
        assert await wanted(bus, "demo")
        assert await rooms.entered.get() == "demo"
        assert not await wanted(bus, "demo")
        assert leases.rooms == {"demo"}
    assert rooms.entered.empty()


async def test_a_room_that_is_over_is_gone_from_the_bus_and_may_be_wanted_again(bus: Bus) -> None:
    rooms = Rooms()
    async with replica(bus, rooms.sample):
        await wanted(bus, "demo")
        await rooms.entered.get()
        rooms.outcomes["demo"].set_result(Outcome.OVER)
        await rooms.left.get()
        while not await wanted(bus, "demo"):
            pass  # until the bus has forgotten it
        assert await rooms.entered.get() == "demo"


async def test_a_replica_takes_no_more_rooms_than_it_may_and_the_next_when_one_is_over(bus: Bus) -> None:
    rooms = Rooms()
    async with replica(bus, rooms.sample, capacity=1) as leases:
        await wanted(bus, "first")
        await wanted(bus, "second")
        assert await rooms.entered.get() == "first"
        # Were it ever to take the second, it would have by the time that another is offered it.
        other = await taken_by_another(bus)
        assert other.parse(RoomWanted).room == "second"
        assert leases.rooms == {"first"}
        await other.retry()
        rooms.outcomes["first"].set_result(Outcome.OVER)
        assert await rooms.entered.get() == "second"


async def test_a_replica_that_stops_leaves_its_rooms_and_hands_them_to_another(bus: Bus) -> None:
    rooms = Rooms()
    async with replica(bus, rooms.sample):
        await wanted(bus, "demo")
        await rooms.entered.get()
    assert rooms.left.get_nowait() == "demo"
    other = await taken_by_another(bus)
    assert other.parse(RoomWanted).room == "demo"
    assert other.attempts == 2


async def test_a_room_is_kept_for_longer_than_the_bus_waits(bus: Bus) -> None:
    rooms = Rooms()
    async with replica(bus, rooms.sample):
        await wanted(bus, "kept")
        await rooms.entered.get()
        await wanted(bus, "lost")
        assert await rooms.entered.get() == "lost"
        # The bus gives a room to another when it has not heard for so long: only the one that evicted us.
        rooms.outcomes["lost"].set_result(Outcome.EVICTED)
        async with replica(bus, rooms.sample, capacity=1):
            assert await rooms.entered.get() == "lost"
            assert rooms.entered.empty()


@pytest.mark.faults
async def test_a_room_is_left_when_the_bus_falls_silent_and_taken_again_when_it_is_back(
    bus: Bus, nats: Server
) -> None:
    rooms = Rooms()
    async with replica(bus, rooms.sample):
        await wanted(bus, "demo")
        await rooms.entered.get()
        nats.pause()
        try:
            assert await rooms.left.get() == "demo"
        finally:
            nats.resume()
        assert await rooms.entered.get() == "demo"


async def test_a_lease_that_lay_unread_too_long_is_not_held_and_settles_nothing(bus: Bus) -> None:
    await wanted(bus, "demo")
    taken = await taken_by_another(bus)
    late = Lease(taken, asyncio.get_running_loop().time() - LAPSE_SECONDS)
    assert not late.held
    await late.keep()
    await late.hand_back()
    await late.finish()
    assert not await wanted(bus, "demo"), "it is still somebody's"


async def test_without_a_lease_nothing_is_published(bus: Bus) -> None:
    await wanted(bus, "demo")
    taken = await taken_by_another(bus)
    shown = frame(plain(RED))

    def publisher(asked_at: float) -> FencedPublisher:
        return FencedPublisher(bus, StageRegistry(bus), Lease(taken, asked_at))

    held, lapsed = publisher(time.monotonic()), publisher(time.monotonic() - LAPSE_SECONDS)
    assert not lapsed.ready
    with pytest.raises(BusError, match="the lease of this room has lapsed"):
        await lapsed.publish(shown, ())
    with pytest.raises(BusError, match="the lease of this room has lapsed"):
        await lapsed.end(shown.track, 2)
    assert await bus.newest((FrameInfo, TrackEnded), shown.subject) is None
    assert held.ready
    await held.publish(shown, ())
    assert await bus.newest((FrameInfo, TrackEnded), shown.subject) is not None


async def test_a_session_that_fails_does_not_end_the_others_and_its_room_comes_back(bus: Bus) -> None:
    rooms = Rooms()
    async with replica(bus, rooms.sample):
        await wanted(bus, "good")
        await rooms.entered.get()
        await wanted(bus, "bad")
        await rooms.entered.get()
        rooms.outcomes["bad"].set_exception(RuntimeError("a bug"))
        assert await rooms.left.get() == "bad"
        assert await rooms.entered.get() == "bad"
        assert not rooms.outcomes["good"].done()


async def test_keeping_a_lease_can_be_cancelled_at_any_moment(bus: Bus) -> None:
    await wanted(bus, "demo")
    taken = await taken_by_another(bus)
    for turns in range(100):
        keeping = asyncio.create_task(taken.keep())
        for _ in range(turns % 10):
            await asyncio.sleep(0)
        # Let the answer and the cancellation come in the same turn of the event loop.
        time.sleep(0.001)  # noqa: ASYNC251
        cancelled = keeping.cancel()
        await asyncio.wait({keeping})
        assert keeping.cancelled() is cancelled, f"the cancellation was swallowed after {turns} turns"
