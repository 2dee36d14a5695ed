"""A session through the bus's bad hours: frames are shed, the conversation goes on."""

from __future__ import annotations

import pytest

from sightline.bus import Bus
from sightline.messages import Trigger
from sightline_gateway.protocol import Capabilities, CaptureFrame, Error, FrameReceived
from support.agents import completions, users_words
from support.gateway_sessions import photo, session_with, stages
from support.model_servers import OpenAIServer
from support.nats_server import Server
from support.scenes import BLUE, GREEN, RED

pytestmark = pytest.mark.faults


async def lost(bus: Bus) -> None:
    """Wait until the bus knows that its server is gone."""
    while bus.ready:
        await bus.changes.after(bus.changes.version)


async def test_while_the_bus_is_away_frames_are_shed_and_the_conversation_goes_on(
    bus: Bus, nats: Server, model: OpenAIServer
) -> None:
    async with session_with(bus, model, frame_wait=0.2) as (session, client):
        session.client_ready(Capabilities(video=True))
        await client.shows(photo(RED))
        await nats.kill()
        await lost(bus)
        await client.shows(photo(BLUE))
        assert len(client.told(FrameReceived)) == 2
        assert client.told(Error) == []
        assert await session.send_text("Still there?") == "You hold a mug."
    [words] = users_words(completions(model)[0])
    assert "[Visual context: 2 frames captured" in words


async def test_when_the_bus_is_back_the_client_is_asked_for_a_frame_and_seen_again(
    bus: Bus, nats: Server, model: OpenAIServer
) -> None:
    async with session_with(bus, model) as (session, client):
        session.client_ready(Capabilities(video=True))
        await client.shows(photo(RED))
        await nats.kill()
        await lost(bus)
        await client.shows(photo(BLUE))
        client.messages.clear()
        await nats.start()
        await bus.wait_ready()
        await client.hears(CaptureFrame, lambda request: request.reason is Trigger.INITIAL)
        async with stages(bus):
            await client.shows(photo(GREEN, "BACK"), Trigger.INITIAL)
            eyes = session._agent.eyes
            assert eyes is not None
            assert await eyes.until(lambda: "BACK" in session.frame_context[-1].description, 60)


async def test_a_session_begins_without_a_bus_and_closes_without_one(
    bus: Bus, nats: Server, model: OpenAIServer
) -> None:
    await nats.kill()
    await lost(bus)
    async with session_with(bus, model, frame_wait=0.2) as (session, client):
        await client.shows(photo(RED))
        assert await session.send_text("Hello?") == "You hold a mug."
    assert len(client.told(FrameReceived)) == 1
