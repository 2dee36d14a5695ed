"""A call with everything in it: camera and voice into a real room, every service a process.

Moondream, the language model, speech-to-text and text-to-speech are HTTP servers that speak their
protocols; captions are made of the pixels that arrive there, transcripts of the sound.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import Any

import pytest

from sightline import topology
from sightline.bus import Bus
from sightline.messages import Caption, FrameInfo, Trigger
from support.agents import agent_listens, users_words
from support.caller import Caller
from support.livekit_server import LiveKitServer
from support.model_servers import MoondreamServer
from support.nats_server import Server
from support.scenes import BLUE, RED, scene
from support.stage import stored
from support.system import AGENT, CAPTIONER, INGEST, running_system
from support.voice_call import BEFORE, WHAT
from support.voice_server import VoiceServer

pytestmark = [pytest.mark.livekit, pytest.mark.slow, pytest.mark.timeout(180)]

FIRST, SECOND = "You hold a red card.", "It is blue now and it was red before."


def colour(pixels: Any) -> str:
    """The caption: the strongest colour of the picture."""
    means = pixels.reshape(-1, 3).mean(axis=0)
    return f"a {['red', 'green', 'blue'][int(means.argmax())]} card"


async def test_what_was_said_and_what_was_in_view_reach_the_model_and_its_answer_is_heard(
    nats: Server, bus: Bus, livekit: LiveKitServer, voice: VoiceServer
) -> None:
    voice.answer = FIRST
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(asyncio.timeout(170))
        moondream = await stack.enter_async_context(MoondreamServer(answer=colour))
        system = await stack.enter_async_context(running_system(nats.url, livekit))
        await system.start(INGEST)
        await system.start(CAPTIONER, MOONDREAM_ENDPOINT=moondream.url)
        speech = {"AGENT_SPEECH_BASE_URL": voice.url, "AGENT_LLM_BASE_URL": voice.url}
        await system.start(AGENT, AGENT_LLM_MODEL="test-model", **speech)
        captions = await stack.enter_async_context(stored(bus, topology.CAPTIONS, Caption))
        frames = await stack.enter_async_context(stored(bus, topology.FRAMES, FrameInfo))
        alice = await stack.enter_async_context(Caller(livekit, room="the kitchen", identity="alice"))
        card = await alice.camera()
        card.show(scene(RED))
        await captions.says("red")
        await agent_listens(alice.room)
        await alice.say(WHAT)
        await alice.hears(FIRST, SECOND)
        voice.answer = SECOND
        await agent_listens(alice.room)
        card.show(scene(BLUE))
        await captions.says("blue")
        alice.forget()
        await alice.say(BEFORE)
        await alice.hears(SECOND, FIRST)
        first, second = (users_words(request) for request in voice.turns)
        assert voice.transcripts == [WHAT, BEFORE]
        assert first[-1].endswith(WHAT)
        assert "alice's camera" in first[-1]
        assert '"a red card"' in first[-1]
        assert second[0] == first[0]
        assert '"a blue card"' in second[1]
        assert second[1].endswith(BEFORE)
        assert any(frame.trigger is Trigger.USER_REQUEST for frame in frames.messages)
