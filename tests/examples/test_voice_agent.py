"""examples/moondream_voice_agent.py, as README says to run it."""

from __future__ import annotations

import asyncio

import pytest

from support.agents import agent_listens, users_words
from support.caller import Caller
from support.examples import a_stage
from support.livekit_server import LiveKitServer
from support.nats_server import Server
from support.scenes import BLUE, RED, scene
from support.voice_server import VoiceServer

pytestmark = [pytest.mark.livekit, pytest.mark.slow, pytest.mark.timeout(180)]

GREETING = "Hello! Show me something."
WHAT = "What do I hold?"
AGAIN = "And what is it now?"


async def test_the_voice_agent_hears_a_question_and_answers_it_knowing_what_is_in_view(
    nats: Server, livekit: LiveKitServer
) -> None:
    async with (
        VoiceServer(hears=[WHAT, AGAIN], answer="You hold something up.") as voice,
        a_stage(nats, livekit) as stage,
    ):
        example = "moondream_voice_agent.py"
        await stage.system.example(example, "dev", OPENAI_BASE_URL=voice.url, OPENAI_API_KEY="any")
        async with asyncio.timeout(120), Caller(livekit, room="parlour") as alice:
            await alice.camera()
            alice.show(scene(RED))
            await agent_listens(alice.room)
            await alice.hears(GREETING, WHAT, AGAIN)
            await stage.described("alice", "a red wall")
            alice.forget()
            await alice.say(WHAT)
            await alice.hears("You hold something up.", GREETING)
            alice.show(scene(BLUE))
            await stage.described("alice", "a blue wall")
            await alice.say(AGAIN)
            first, second = (users_words(request)[-1] for request in await voice.asked_for_turns(2))
    assert '"a red wall"' in first
    assert first.endswith(WHAT)
    assert '"a blue wall"' in second
    assert "alice's camera" in second
