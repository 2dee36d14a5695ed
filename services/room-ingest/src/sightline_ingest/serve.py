"""The service: rooms of a LiveKit server onto the bus."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any

from sightline import topology
from sightline.bus import Bus
from sightline.config import LiveKitSettings, load
from sightline.health import Health
from sightline.log import get_logger
from sightline.sampling.control import Control
from sightline.service import Service
from sightline.stages import StageRegistry
from sightline_ingest import sdk_log
from sightline_ingest.all_rooms import AllRooms
from sightline_ingest.bus_metrics import watch_bus
from sightline_ingest.fenced import FencedPublisher
from sightline_ingest.lease import Lease
from sightline_ingest.leases import Outcome, RoomLeases
from sightline_ingest.leftovers import Leftovers
from sightline_ingest.livekit_server import LiveKitServer
from sightline_ingest.room import RoomSession
from sightline_ingest.room_settings import RoomSettings
from sightline_ingest.room_tracks import Sampling
from sightline_ingest.sampler import TrackSampler
from sightline_ingest.settings import SamplingSettings
from sightline_ingest.webhooks import Webhooks

log = get_logger()


@dataclass(frozen=True, slots=True)
class IngestSettings:
    """All settings of the LiveKit half."""

    livekit: LiveKitSettings
    rooms: RoomSettings
    sampling: SamplingSettings


async def serve_rooms(service: Service) -> None:
    """Sample rooms until the service is told to stop; then leave them and hand them back.

    Raises:
        SettingsError: A setting has a bad value.
    """
    settings = IngestSettings(load(LiveKitSettings), load(RoomSettings), load(SamplingSettings))
    sdk_log.pass_over_data()
    await ingest(service.bus, service.health, service.stopping, settings)


async def ingest(bus: Bus, health: Health, stopping: asyncio.Event, settings: IngestSettings) -> None:
    """``serve_rooms``, for whoever has the parts of a service.

    Args:
        bus: Ready.
        stopping: Set when the rooms are to be left.
    """
    sdk_log.quiet()
    rooms = settings.rooms
    stages = StageRegistry(bus)
    async with (
        LiveKitServer(settings.livekit, health, rooms.identity) as server,
        contextlib.AsyncExitStack() as listening,
    ):
        sampler = RoomSampler(bus, stages, server, settings)
        leases = RoomLeases(bus.queue(topology.ROOM_QUEUE), sampler.sample, rooms.max_rooms)
        everyone = AllRooms(bus, server, lambda: leases.rooms, rooms.poll_interval)
        if rooms.rooms == "all" and rooms.webhook_bind:
            webhooks = Webhooks(settings.livekit, everyone.announce)
            await listening.enter_async_context(webhooks.listening(rooms.webhook_bind))
        background = [stages.run(), server.watch(), watch_bus(bus)]
        if rooms.rooms == "all":
            background.append(everyone.run())
        log.info("ready_for_rooms", rooms=rooms.rooms, capacity=rooms.max_rooms)
        await _alongside(leases.run(stopping), *background)


class RoomSampler:
    """Puts one room's session together."""

    def __init__(
        self, bus: Bus, stages: StageRegistry, server: LiveKitServer, settings: IngestSettings
    ) -> None:
        self._bus = bus
        self._stages = stages
        self._server = server
        self._settings = settings

    async def sample(self, room: str, lease: Lease) -> Outcome:
        """Sample a room until it is over. Nothing is published once the lease has lapsed."""
        settings = self._settings.sampling
        publisher = FencedPublisher(self._bus, self._stages, lease)
        sampling = Sampling(
            sampler=lambda track: TrackSampler(track, publisher, self._stages, settings),
            control=Control(self._bus, room, settings.speaking_hold),
            leftovers=Leftovers(self._bus, room, publisher),
            now=self._bus.now,
        )
        return await RoomSession(room, self._server, self._settings.rooms, sampling).run()


async def _alongside(work: Coroutine[Any, Any, None], *background: Coroutine[Any, Any, None]) -> None:
    """Do the work while the others run, which never end by themselves; raises what the first to fail did."""
    tasks = [asyncio.create_task(each) for each in (work, *background)]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in done:
        task.result()
