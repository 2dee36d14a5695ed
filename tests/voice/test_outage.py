"""The bus dies in the middle of a spoken turn, and comes back: the conversation goes on."""

from __future__ import annotations

import asyncio

import pytest

from sightline.bus import Bus
from sightline.messages import TurnRecord
from sightline_agent import VisionAgent
from support.agents import users_words
from support.buses import until_back, until_lost
from support.livekit_server import LiveKitServer
from support.nats_server import Server
from support.voice_call import BEFORE, WHAT, call, camera, hearing
from support.voice_server import VoiceServer

pytestmark = [pytest.mark.livekit, pytest.mark.faults]

SECONDS = 7.0
"""How old a caption may be: more than one turn takes, less than it takes to say ``LONG`` before the next."""

LONG = "I can see it very well, and I will tell you all about it as soon as you ask me for it once more."


async def test_a_bus_that_dies_in_mid_turn_costs_sight_and_nothing_else(
    nats: Server, livekit: LiveKitServer, bus: Bus, voice: VoiceServer
) -> None:
    room, records = "outage", list[TurnRecord]()
    settings = hearing(voice, max_caption_age=SECONDS)
    agent = VisionAgent(instructions="Be brief.", vision=settings, bus=bus, on_turn=records.append)
    voice.answer = LONG
    async with (
        asyncio.timeout(110),
        camera(bus, room) as alices,
        call(livekit, room, agent, voice, settings) as talk,
    ):
        alices.next = "a red mug"
        turn = asyncio.create_task(talk.say(WHAT))
        await talk.sees("a red mug")
        await nats.kill()
        assert await turn == LONG
        await talk.alice.hears_a_voice()
        await until_lost(bus)
        await talk.say(BEFORE)
        voice.answer = "It is back."
        await nats.start()
        await until_back(bus)
        await alices.shows("a blue book")
        await talk.sees("a blue book")
        await talk.say(WHAT)
        await talk.alice.hears_a_voice()
    first, blind, last = (users_words(request)[-1] for request in voice.turns)
    assert '"a red mug"' in first
    assert "a red mug" not in blind
    assert "Nothing is in view" in blind
    assert '"a blue book"' in last
    assert [bool(record.blind) for record in records] == [True, True, False]
