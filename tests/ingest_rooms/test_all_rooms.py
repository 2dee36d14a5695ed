"""INGEST_ROOMS=all: rooms are sampled without any agent. Webhooks, LiveKit away, and bad settings."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest
from livekit import api
from pydantic import ValidationError

from sightline.bus import Bus
from sightline.errors import SettingsError
from sightline.health import Health
from sightline.messages import RoomWanted
from sightline_ingest.all_rooms import AllRooms
from sightline_ingest.livekit_server import LiveKitError, LiveKitServer as LiveKit
from sightline_ingest.room_settings import RoomSettings
from sightline_ingest.webhooks import PATH, Webhooks
from support.livekit_publisher import Publisher
from support.livekit_server import LiveKitServer
from support.room_ingest import Ingest, Watch, settings_for, stage, want

pytestmark = pytest.mark.livekit


async def test_with_all_rooms_no_agent_is_needed(bus: Bus, livekit: LiveKitServer, room: str) -> None:
    async with (
        stage(bus),
        Ingest(bus, livekit, rooms="all", poll_interval=0.2),
        Watch(bus, room) as watch,
        Publisher(livekit, room) as alice,
    ):
        camera = await alice.camera()
        await watch.frame(track=camera.sid)
        assert not await want(bus, room), "it is somebody's"


async def test_a_room_is_over_when_everybody_has_left_it(bus: Bus, livekit: LiveKitServer, room: str) -> None:
    async with stage(bus), Ingest(bus, livekit, empty_grace=0.5), Watch(bus, room) as watch:
        async with Publisher(livekit, room) as alice:
            camera = await alice.camera()
            await want(bus, room)
            await watch.frame(track=camera.sid)
        await watch.ended(camera.sid)
        while not await want(bus, room):
            pass


async def test_a_room_that_does_not_exist_is_not_made_by_looking_at_it(
    bus: Bus, livekit: LiveKitServer, room: str
) -> None:
    async with Ingest(bus, livekit, empty_grace=0.5):
        await want(bus, room)
        while not await want(bus, room):
            pass
        async with api.LiveKitAPI(livekit.url, livekit.api_key, livekit.api_secret) as server:
            assert not (await server.room.list_rooms(api.ListRoomsRequest(names=[room]))).rooms


class Endpoint:
    """The webhook endpoint of a replica, and what it announces."""

    def __init__(self, livekit: LiveKitServer) -> None:
        self._livekit = livekit
        self.announced: asyncio.Queue[str] = asyncio.Queue()
        self._webhooks = Webhooks(settings_for(livekit).livekit, self.announced.put)

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        async with self._webhooks.listening("127.0.0.1:0"), aiohttp.ClientSession() as self._client:
            yield

    async def post(self, body: str, signed: str | None = None, secret: str = "") -> int:
        """Post a body, signed as LiveKit signs ``signed``. Returns the status."""
        token = api.AccessToken(self._livekit.api_key, secret or self._livekit.api_secret)
        digest = hashlib.sha256((body if signed is None else signed).encode()).digest()
        jwt = token.with_sha256(base64.b64encode(digest).decode()).to_jwt()
        url = f"http://127.0.0.1:{self._webhooks.port}{PATH}"
        async with self._client.post(url, data=body, headers={"Authorization": jwt}) as answer:
            return answer.status


def event(kind: str, room: str) -> str:
    return json.dumps({"event": kind, "room": {"name": room}, "a_field_of_the_future": 1})


async def test_a_webhook_announces_the_room_that_somebody_joined(livekit: LiveKitServer) -> None:
    endpoint = Endpoint(livekit)
    async with endpoint.open():
        assert await endpoint.post(event("room_finished", "over")) == 200
        assert await endpoint.post(event("participant_joined", "demo")) == 200
        assert endpoint.announced.get_nowait() == "demo"
        assert endpoint.announced.empty()


async def test_a_webhook_that_livekit_did_not_sign_is_refused(livekit: LiveKitServer) -> None:
    endpoint = Endpoint(livekit)
    body = event("participant_joined", "demo")
    async with endpoint.open():
        assert await endpoint.post(body, secret="another-secret-of-at-least-32-chars") == 401
        assert await endpoint.post(body, signed=event("participant_joined", "other")) == 401
        assert await endpoint.post("no event at all") == 401
        assert await endpoint.post("x" * 300_000) == 413
        assert endpoint.announced.empty()


async def test_announcing_a_room_twice_is_no_error(bus: Bus, livekit: LiveKitServer, room: str) -> None:
    async with LiveKit(settings_for(livekit).livekit, Health(), "eye") as server:
        everyone = AllRooms(bus, server, frozenset, interval=0.1)
        await everyone.announce(room)
        await everyone.announce(room)
    newest = await bus.newest(RoomWanted, RoomWanted(room=room).subject)
    assert newest is not None
    assert newest.message.requested_by == "room-ingest"


async def test_readiness_tells_that_livekit_refuses_the_key(bus: Bus, livekit: LiveKitServer) -> None:
    settings = settings_for(livekit).livekit.model_copy(update={"api_key": "wrong"})
    health = Health(bus)
    async with LiveKit(settings, health, "eye") as server:
        assert "not heard of" in health.problems["livekit"]
        with pytest.raises(LiveKitError, match="refuses LIVEKIT_API_KEY"):
            await server.rooms()
        assert "refuses LIVEKIT_API_KEY" in health.problems["livekit"]
    async with LiveKit(settings_for(livekit).livekit, health, "eye") as server:
        await server.rooms()
        assert not health.problems


async def test_readiness_tells_that_livekit_is_away(livekit: LiveKitServer) -> None:
    settings = settings_for(livekit).livekit.model_copy(update={"url": "ws://127.0.0.1:1"})
    health = Health()
    async with LiveKit(settings, health, "eye") as server:
        with pytest.raises(LiveKitError, match=r"cannot reach LiveKit at ws://127\.0\.0\.1:1"):
            await server.rooms()
    assert "cannot reach LiveKit" in health.problems["livekit"]


async def test_without_a_key_the_start_is_refused(bus: Bus, livekit: LiveKitServer) -> None:
    settings = settings_for(livekit).livekit.model_copy(update={"api_key": ""})
    with pytest.raises(SettingsError, match="LIVEKIT_API_KEY"):
        LiveKit(settings, Health(bus), "eye")


async def test_a_webhook_port_that_is_taken_stops_the_start(livekit: LiveKitServer) -> None:
    taken = Webhooks(settings_for(livekit).livekit, asyncio.Queue[str]().put)
    async with taken.listening("127.0.0.1:0"):
        bind = f"127.0.0.1:{taken.port}"
        again = Webhooks(settings_for(livekit).livekit, asyncio.Queue[str]().put)
        with pytest.raises(SettingsError, match=f"INGEST_WEBHOOK_BIND: cannot listen on {bind}"):
            async with again.listening(bind):
                pass


@pytest.mark.parametrize("bind", ["8090", "localhost:", ":8090", "host:99999", "host:port"])
def test_a_webhook_address_that_is_none_is_refused(bind: str) -> None:
    with pytest.raises(ValidationError, match="expected host:port"):
        RoomSettings(webhook_bind=bind)
