"""What happens when LiveKit sends us away, or goes away itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from urllib.parse import urlsplit

import pytest
from livekit import api

from sightline.bus import Bus
from sightline.messages import Frame
from support.livekit_publisher import Publisher
from support.livekit_server import LiveKitServer, find_livekit_server, running_livekit
from support.nats_server import Server
from support.room_ingest import Ingest, IngestProcess, Watch, stage, want

pytestmark = pytest.mark.livekit


async def test_a_room_that_we_are_removed_from_is_joined_again(
    bus: Bus, livekit: LiveKitServer, room: str
) -> None:
    async with (
        stage(bus),
        Ingest(bus, livekit),
        Watch(bus, room) as watch,
        Publisher(livekit, room) as alice,
    ):
        camera = await alice.camera()
        await want(bus, room)
        await watch.frame(track=camera.sid)
        async with api.LiveKitAPI(livekit.url, livekit.api_key, livekit.api_secret) as server:
            us = api.RoomParticipantIdentity(room=room, identity="sightline-ingest")
            await server.room.remove_participant(us)
        end = await watch.ended(camera.sid)
        again = await watch.frame(since=watch.seen.index(end), track=camera.sid)
        assert again.sequence > end.sequence


async def test_a_replica_whose_place_was_taken_leaves_without_a_word_and_the_room_is_taken_anew(
    bus: Bus, nats: Server, livekit: LiveKitServer, room: str
) -> None:
    async with (
        stage(bus),
        IngestProcess(nats.url, livekit) as replica,
        Watch(bus, room) as watch,
        Publisher(livekit, room) as alice,
    ):
        camera = await alice.camera()
        await want(bus, room)
        await watch.frame(track=camera.sid)
        async with Publisher(livekit, room, "sightline-ingest", kind="agent"):
            await replica.says("evicted")
            evicted_at = len(watch.seen)
            await watch.frame(since=evicted_at, track=camera.sid)
        assert all(isinstance(each, Frame) for each in watch.seen), "the track is not over"


async def test_a_service_that_finds_no_livekit_says_so_and_keeps_its_rooms(bus: Bus, room: str) -> None:
    async with restartable() as server:
        await server.kill()
        async with Ingest(bus, server.livekit) as ingest:
            await want(bus, room)
            while "cannot reach LiveKit" not in ingest.health.problems.get("livekit", ""):
                assert not await want(bus, room), "it is somebody's"


async def test_a_room_is_sampled_again_after_livekit_was_killed_and_restarted(bus: Bus, room: str) -> None:
    async with (
        restartable() as server,
        stage(bus),
        Ingest(bus, server.livekit) as ingest,
        Watch(bus, room) as watch,
    ):
        async with Publisher(server.livekit, room) as alice:
            camera = await alice.camera()
            await want(bus, room)
            await watch.frame(track=camera.sid)
            await server.kill()
        await watch.ended(camera.sid)
        await server.start()
        async with Publisher(server.livekit, room, "bob") as bob:
            camera = await bob.camera()
            await watch.frame(track=camera.sid)
            assert not ingest.health.problems


class Restartable:
    """A LiveKit server of one test's own."""

    def __init__(self) -> None:
        self._running = ExitStack()
        self._port = 0

    async def start(self) -> None:
        starting = running_livekit(find_livekit_server(), self._port)
        self.livekit = await asyncio.to_thread(self._running.enter_context, starting)
        self._port = urlsplit(self.livekit.url).port or 0

    async def kill(self) -> None:
        await asyncio.to_thread(self._running.close)


@asynccontextmanager
async def restartable() -> AsyncIterator[Restartable]:
    server = Restartable()
    await server.start()
    try:
        yield server
    finally:
        await server.kill()
