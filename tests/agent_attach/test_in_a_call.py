"""attach_vision in real calls: spoken on a real LiveKit server, and with a realtime model."""

from __future__ import annotations

import asyncio

import pytest
from livekit.agents import Agent

from sightline.bus import Bus
from sightline.messages import TurnRecord
from sightline_agent import attach_vision
from sightline_agent.settings import AgentSettings
from support.agents import now_shows, users_words
from support.livekit_server import LiveKitServer
from support.realtime import talking
from support.realtime_server import RealtimeServer
from support.speech import espeak
from support.voice_call import BEFORE, WHAT, call, camera, handling, hearing
from support.voice_server import VoiceServer


@pytest.mark.livekit
@pytest.mark.parametrize("preemptive", [True, False], ids=["preemptive", "not preemptive"])
async def test_spoken_and_typed_turns_of_any_agent_carry_what_is_in_view_in_the_sessions_room(
    preemptive: bool, livekit: LiveKitServer, bus: Bus
) -> None:
    espeak()
    room, records = f"attached-{preemptive}", list[TurnRecord]()
    agent = Agent(instructions="Be brief.", turn_handling=handling(preemptive))
    async with asyncio.timeout(90), VoiceServer(hears=(WHAT, BEFORE)) as voice, camera(bus, room) as alices:
        settings = hearing(voice, caption_wait=5)
        async with call(livekit, room, agent, voice, settings) as talk:
            attach_vision(talk.session, vision=settings, bus=bus, on_turn=records.append)
            alices.next = "a red mug"
            await talk.say(WHAT)
            alices.next = "a blue book"
            await talk.say(BEFORE)
            await talk.type("And now?")
    first, second, third = (users_words(request)[-1] for request in voice.turns)
    assert '"a red mug"' in first
    assert '"a blue book"' in second
    assert '"a blue book"' in third
    assert [record.room for record in records] == [room] * 3
    # As she begins to speak, and as she has typed.
    assert [request.participant for request in alices.asked if not request.if_changed] == ["alice"] * 3


async def test_a_realtime_model_is_told_what_is_in_view_whoevers_agent_it_has(
    bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AGENT_REALTIME_SHOWS", "captions")
    settings = AgentSettings(mode="realtime", max_caption_age=600)
    async with RealtimeServer() as server, talking(server, Agent(instructions="")) as session:
        attach_vision(session, "demo", vision=settings, bus=bus)
        await bus.publish(now_shows(bus, "a red mug"))
        await server.until(lambda: any('"a red mug"' in text for text in server.texts))
