"""The service: rooms of a LiveKit server onto the bus."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Coroutine
from typing import Any

from sightline import topology
from sightline.bus import Bus
from sightline.config import LiveKitSettings, load
from sightline.log import get_logger
from sightline.service import Service
from sightline.stages import StageRegistry
from sightline_ingest.all_rooms import AllRooms
from sightline_ingest.control import Control
from sightline_ingest.fenced import FencedPublisher
from sightline_ingest.lease import Lease
from sightline_ingest.leases import Outcome, RoomLeases
from sightline_ingest.livekit_server import LiveKitServer
from sightline_ingest.room import RoomSession
from sightline_ingest.room_settings import RoomSettings
from sightline_ingest.room_tracks import Sampling
from sightline_ingest.sampler import TrackSampler
from sightline_ingest.settings import SamplingSettings
from sightline_ingest.webhooks import Webhooks

log = get_logger()


async def serve(service: Service) -> None:
    """Sample rooms until the service is told to stop; then leave them and hand them back."""
    rooms, sampling, livekit = load(RoomSettings), load(SamplingSettings), load(LiveKitSettings)
    stages = StageRegistry(service.bus)
    async with (
        LiveKitServer(livekit, service.health, rooms.identity) as server,
        background(stages.run(), server.watch()),
    ):
        sampler = RoomSampler(service.bus, stages, server, rooms, sampling)
        queue = service.bus.queue(topology.ROOM_QUEUE)
        leases = RoomLeases(queue, sampler.sample, rooms.max_rooms)
        async with _announcing(service.bus, server, leases, rooms, livekit):
            log.info("ready_for_rooms", rooms=rooms.rooms, capacity=rooms.max_rooms)
            await leases.run(service.stopping)


class RoomSampler:
    """Puts one room's session together."""

    def __init__(
        self,
        bus: Bus,
        stages: StageRegistry,
        server: LiveKitServer,
        rooms: RoomSettings,
        sampling: SamplingSettings,
    ) -> None:
        self._bus = bus
        self._stages = stages
        self._server = server
        self._rooms = rooms
        self._settings = sampling

    async def sample(self, room: str, lease: Lease) -> Outcome:
        """Sample a room until it is over, for as long as the lease is held."""
        publisher = FencedPublisher(self._bus, self._stages, lease)
        sampling = Sampling(
            sampler=lambda track: TrackSampler(track, publisher, self._stages, self._settings),
            control=Control(self._bus, room, self._settings.speaking_hold),
            now=self._bus.now,
        )
        return await RoomSession(room, self._server, self._rooms, sampling).run()


@contextlib.asynccontextmanager
async def _announcing(
    bus: Bus, server: LiveKitServer, leases: RoomLeases, rooms: RoomSettings, livekit: LiveKitSettings
) -> AsyncIterator[None]:
    """With ``INGEST_ROOMS=all``, announce rooms for as long as the block runs."""
    async with contextlib.AsyncExitStack() as stack:
        if rooms.rooms == "all":
            everyone = AllRooms(bus, server, lambda: leases.rooms, rooms.poll_interval)
            if rooms.webhook_bind:
                webhooks = Webhooks(livekit, everyone.announce)
                await stack.enter_async_context(webhooks.listening(rooms.webhook_bind))
            await stack.enter_async_context(background(everyone.run()))
        yield


@contextlib.asynccontextmanager
async def background(*work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Run coroutines that never end by themselves, for as long as the block runs; the first that fails
    ends the block."""
    async with asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(each) for each in work]
        try:
            yield
        finally:
            for task in running:
                task.cancel()
