"""The tools in a real LiveKit room: who speaks, what people are called, and where the call began."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from livekit import api, rtc

from sightline.bus import Bus
from sightline.messages import Track
from support.livekit_server import LiveKitServer
from support.onlookers import BLUE, RED, Onlooker, answering, on_air
from support.sights import caption, frame
from support.tool_talk import talking

pytestmark = pytest.mark.livekit


@asynccontextmanager
async def joined(
    livekit: LiveKitServer, room: str, identity: str, name: str = "", agent: bool = False
) -> AsyncIterator[rtc.Room]:
    """Somebody in a room."""
    grants = api.VideoGrants(room_join=True, room=room, agent=agent)
    token = api.AccessToken(livekit.api_key, livekit.api_secret).with_identity(identity).with_name(name)
    token = token.with_grants(grants).with_kind("agent" if agent else "standard")
    connection = rtc.Room()
    await connection.connect(livekit.url, token.to_jwt())
    try:
        yield connection
    finally:
        await connection.disconnect()


async def present(room: rtc.Room, *identities: str) -> None:
    """Wait until somebody in the room knows of these others."""
    came = asyncio.Event()
    room.on("participant_connected", lambda _: came.set())
    async with asyncio.timeout(20):
        while not room.remote_participants.keys() >= set(identities):
            came.clear()
            await came.wait()


async def test_the_speaker_is_meant_by_default_and_others_by_their_display_names(
    bus: Bus, livekit: LiveKitServer
) -> None:
    room = f"tools-{uuid.uuid4().hex}"
    alice = Track(room=room, participant="user_1", id="TR_1")
    bob = Track(room=room, participant="user_2", id="TR_2")
    async with (
        answering(bus, Onlooker()),
        on_air(bus, alice, bob) as air,
        joined(livekit, room, "user_1", "Alice Liddell"),
        joined(livekit, room, "agent", agent=True) as agents,
        talking(bus, joined=agents, room=room, look={"question": "What colour?"}) as talk,
        joined(livekit, room, "user_2", "Bob"),
        joined(livekit, room, "helper", "Helper", agent=True),
    ):
        await present(agents, "user_1", "user_2", "helper")
        air.show(alice, RED)
        air.show(bob, BLUE)
        await talk.sees(alice, bob)
        hers = await talk.ask()
        talk.model.calls = {"look": {"question": "What colour?", "who": "Bob's camera"}}
        his = await talk.ask()
        talk.model.calls = {"look": {"question": "What colour?", "who": "the helper"}}
        nobody = await talk.ask()
    assert "user_1's camera (Alice Liddell), 0." in hers
    assert "a red picture" in hers
    assert "user_2" not in hers
    assert "user_2's camera (Bob), 0." in his
    assert "a blue picture" in his
    assert nobody.startswith('Nobody in this call is called "helper".')


async def test_what_a_room_of_this_name_showed_before_this_call_is_not_told(
    bus: Bus, livekit: LiveKitServer
) -> None:
    room = f"tools-{uuid.uuid4().hex}"
    track = Track(room=room, participant="user_1", id="TR_1")
    before = bus.now() - timedelta(minutes=10)
    await bus.publish(caption(frame(1, before, track), "A secret mug."))
    async with (
        joined(livekit, room, "user_1", "Alice"),
        joined(livekit, room, "agent", agent=True) as agents,
        talking(bus, joined=agents, room=room, recall={"about": "mug"}) as talk,
    ):
        nothing = await talk.ask()
        await bus.publish(caption(frame(2, bus.now(), track), "A red mug."))
        found = await talk.ask()
    assert nothing.startswith("Nothing was seen in this call in the last ")
    assert '"A red mug."' in found
    assert "secret" not in found
