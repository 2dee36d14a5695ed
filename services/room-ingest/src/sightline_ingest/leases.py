"""Takes rooms from the bus while there is capacity, and settles each when it is over.

    leases = RoomLeases(bus.queue(topology.ROOM_QUEUE), sample_room, capacity=50)
    await leases.run(stopping)

A room is this replica's from ``take`` until one of: the room is over (acked: gone from the bus), the
service stops (handed back: another replica has it at once), the lease lapsed or LiveKit sent us away
(nothing is said: the bus gives it to somebody by itself, or already has).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from enum import Enum, auto
from typing import Any

from prometheus_client import Gauge

from sightline.bus.queue import Taken, WorkQueue
from sightline.errors import DecodeError, SightlineError
from sightline.log import get_logger
from sightline.messages import RoomWanted
from sightline_ingest.lease import Lease

log = get_logger()

ROOMS = Gauge("sightline_ingest_rooms", "Rooms that this replica holds.")
FAILED_SECONDS = 5.0
"""Pause before anybody tries a room again whose session failed for a reason that nobody foresaw."""
REFUSED_SECONDS = 2.0


class Outcome(Enum):
    """How a replica's time with a room ended."""

    OVER = auto()
    """The room ended, or stayed empty."""
    EVICTED = auto()
    """LiveKit let another replica in, in our place."""


Sample = Callable[[str, Lease], Awaitable[Outcome]]
"""Samples a room until it is over. Cancelled when the room is to be left at once."""


class RoomLeases:
    """The rooms of this replica."""

    def __init__(self, queue: WorkQueue, sample: Sample, capacity: int) -> None:
        self._queue = queue
        self._sample = sample
        self._capacity = capacity
        self._rooms: dict[str, asyncio.Task[None]] = {}
        self._takes_no_more = asyncio.Event()

    @property
    def rooms(self) -> frozenset[str]:
        """The rooms held now."""
        return frozenset(self._rooms)

    async def run(self, stopping: asyncio.Event) -> None:
        """Take rooms until ``stopping`` is set, then leave all of them and hand them back."""
        stop = asyncio.create_task(stopping.wait())
        try:
            while not stopping.is_set():
                if len(self._rooms) >= self._capacity:
                    await self._wait_for_capacity(stop)
                else:
                    await self._take(stop)
            await self._queue.close()
            self._takes_no_more.set()
            await asyncio.gather(*self._rooms.values())
        finally:
            await _ended(stop, *self._rooms.values())

    async def _wait_for_capacity(self, stop: asyncio.Task[bool]) -> None:
        # A message that came as a pull ended would lie in the subscription until then, and grow stale.
        await self._queue.close()
        log.info("capacity_reached", rooms=len(self._rooms))
        await asyncio.wait({stop, *self._rooms.values()}, return_when=asyncio.FIRST_COMPLETED)

    async def _take(self, stop: asyncio.Task[bool]) -> None:
        asked_at = time.monotonic()
        try:
            taken = await self._queue.take()
        except SightlineError as error:
            # The bus tells readiness. Here it is only worth another try.
            log.warning("rooms_not_taken", reason=str(error))
            await asyncio.wait({stop}, timeout=REFUSED_SECONDS)
            return
        if taken is None:
            return
        if stop.done():
            await Lease(taken, asked_at).hand_back()
        else:
            await self._accept(taken, asked_at, stop)

    async def _accept(self, taken: Taken, asked_at: float, stop: asyncio.Task[bool]) -> None:
        lease = Lease(taken, asked_at)
        try:
            room = taken.parse(RoomWanted).room
        except DecodeError as error:
            log.warning("room_not_understood", reason=str(error))
            await lease.finish()
            return
        task = asyncio.create_task(self._hold(room, lease, stop, self._rooms.get(room)))
        self._rooms[room] = task
        ROOMS.set(len(self._rooms))
        task.add_done_callback(lambda done: self._forget(room, done))

    def _forget(self, room: str, task: asyncio.Task[None]) -> None:
        if self._rooms.get(room) is task:
            del self._rooms[room]
        ROOMS.set(len(self._rooms))

    async def _hold(
        self, room: str, lease: Lease, stop: asyncio.Task[bool], earlier: asyncio.Task[None] | None
    ) -> None:
        """One lease, from taken to settled. ``earlier`` is a lease of the same room that lapsed."""
        keeping = asyncio.create_task(lease.keep())
        try:
            if earlier is not None:
                await asyncio.wait({earlier})
            sampling = asyncio.ensure_future(self._sample(room, lease))
            log.debug("room_taken", room=room)
            try:
                await asyncio.wait({sampling, keeping, stop}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                # Kept meanwhile: nobody else shall come in before this one is out.
                failed = await _ended(sampling)
            await self._settle(room, lease, sampling, failed)
        finally:
            await _ended(keeping)

    async def _settle(self, room: str, lease: Lease, sampling: asyncio.Future[Outcome], failed: bool) -> None:
        if not lease.held:
            log.warning("room_lost", reason="the bus did not confirm the lease in time")
        elif failed:
            await lease.hand_back(FAILED_SECONDS)
        elif sampling.cancelled():
            # Else the pull that is under way would take it right back.
            await self._takes_no_more.wait()
            await lease.hand_back()
            log.debug("room_handed_back", room=room)
        elif sampling.result() is Outcome.OVER:
            await lease.finish()
            log.debug("room_over", room=room)


async def _ended(*tasks: asyncio.Future[Any]) -> bool:
    """Cancel tasks and wait until they are over. Returns whether one failed; logs why."""
    for task in tasks:
        task.cancel()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    failures = [result for result in results if isinstance(result, Exception)]
    for failure in failures:
        log.error("room_failed", exc_info=failure)
    return bool(failures)
