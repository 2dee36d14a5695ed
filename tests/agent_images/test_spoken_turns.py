"""An image is sent, and then spoken about, in a real call in which replies are begun early."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from sightline_agent.images import ImageInbox, ImageSettings
from support.agents import users_words
from support.encoded import encoded
from support.image_calls import Anybody
from support.livekit_server import LiveKitServer
from support.speech import espeak
from support.voice_call import WHAT, call, handling, hearing
from support.voice_server import VoiceServer

pytestmark = pytest.mark.livekit

CAT = encoded("PNG")


@pytest.fixture
async def voice() -> AsyncIterator[VoiceServer]:
    espeak()
    async with VoiceServer(hears=(WHAT,)) as server:
        yield server


async def test_a_reply_that_is_begun_early_holds_the_image_and_no_more_calls_are_made(
    livekit: LiveKitServer, voice: VoiceServer
) -> None:
    agent = Anybody(turn_handling=handling(preemptive=True))
    room = "images-spoken"
    async with asyncio.timeout(90), call(livekit, room, agent, voice, hearing(voice)) as talk:
        ImageInbox(talk.session, talk.session.room_io.room, ImageSettings()).open()
        await talk.alice.room.local_participant.send_bytes(CAT, topic="images", name="cat.png")
        await agent.changed.wait()
        await talk.say(WHAT)
    [spoken] = voice.turns
    assert spoken.images == [CAT]
    assert users_words(spoken) == ['[alice sent an image, "cat.png"]', WHAT]
