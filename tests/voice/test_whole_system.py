"""A call with everything in it: cameras, a screen and a voice in a real room, every service a process.

Moondream, the language model, speech-to-text and text-to-speech are HTTP servers that speak their
protocols; captions are made of the pixels that arrive there, transcripts of the sound.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from sightline import topology
from sightline.bus import Bus
from sightline.messages import Caption, FrameInfo, Source, Trigger
from support.agents import agent_listens, users_words
from support.caller import Caller
from support.livekit_publisher import Publisher
from support.livekit_server import LiveKitServer
from support.model_servers import MoondreamServer
from support.nats_server import Server
from support.recorded import Recorded
from support.scenes import BLUE, GREEN, RED, scene
from support.stage import stored
from support.system import AGENT, CAPTIONER, INGEST, running_system
from support.voice_server import VoiceServer

pytestmark = [pytest.mark.livekit, pytest.mark.slow, pytest.mark.timeout(180)]

ROOM = "the kitchen"
MINE, SCREEN, BOBS = "What does my camera show?", "And what is on my screen?", "Tell me about Bob's camera."
WHOSE = {MINE: "alice's camera", SCREEN: "alice's screen", BOBS: "bob's camera"}
# Told apart by how they sound.
REPLIES = {
    "red": "That is as red as a rose.",
    "green": "I see a green meadow in summer.",
    "blue": "It looks blue to me.",
    "": "Nothing of the kind.",
}


def colour(pixels: Any) -> str:
    """The caption: the strongest colour of the picture."""
    means = pixels.reshape(-1, 3).mean(axis=0)
    return ["red", "green", "blue"][int(means.argmax())]


def answer(request: Recorded) -> str:
    """A model that reads: of whose camera or screen the question is about, the caption."""
    view, _, question = users_words(request)[-1].rpartition("\n")
    seen = re.search(rf'^- {WHOSE[question]}, [^:]+: "(.*)"$', view, re.MULTILINE)
    return REPLIES[seen[1] if seen else ""]


@asynccontextmanager
async def services(nats: Server, livekit: LiveKitServer, voice: VoiceServer) -> AsyncIterator[None]:
    async with MoondreamServer(answer=colour) as moondream, running_system(nats.url, livekit) as system:
        await system.start(INGEST)
        await system.start(CAPTIONER, MOONDREAM_ENDPOINT=moondream.url)
        models = {"AGENT_LLM_BASE_URL": voice.url, "AGENT_SPEECH_BASE_URL": voice.url}
        await system.start(AGENT, AGENT_LLM_MODEL="test-model", **models)
        yield


async def ask(alice: Caller, question: str, seen: str) -> None:
    """A spoken turn, until it is heard that this was seen."""
    await agent_listens(alice.room)
    alice.forget()
    await alice.say(question)
    await alice.hears(REPLIES[seen], *REPLIES.values())


async def test_what_was_said_and_what_was_in_view_reach_the_model_and_its_answer_is_heard(
    nats: Server, bus: Bus, livekit: LiveKitServer, voice: VoiceServer
) -> None:
    voice.hears, voice.answer = (MINE, SCREEN, BOBS), answer
    async with (
        asyncio.timeout(170),
        services(nats, livekit, voice),
        stored(bus, topology.CAPTIONS, Caption) as captions,
        stored(bus, topology.FRAMES, FrameInfo) as frames,
        Caller(livekit, room=ROOM, identity="alice") as alice,
    ):
        (await alice.camera()).show(scene(RED))
        await captions.says("red")
        await ask(alice, MINE, "red")
        async with Publisher(livekit, ROOM, "bob") as bob, Publisher(livekit, ROOM, "carol"):
            (await alice.screen()).show(scene(BLUE))
            await captions.says("blue")
            (await bob.camera()).show(scene(GREEN))
            await captions.says("green")
            await ask(alice, SCREEN, "blue")
            await ask(alice, BOBS, "green")
        asked_for = [frame.track for frame in frames.messages if frame.trigger is Trigger.USER_REQUEST]
    turns = [users_words(request) for request in voice.turns]
    assert voice.transcripts == [MINE, SCREEN, BOBS]
    assert [words[-1].rpartition("\n")[2] for words in turns] == voice.transcripts
    # What earlier turns were shown is still there, word for word.
    assert turns[2][:2] == turns[1]
    assert turns[1][:1] == turns[0]
    # As she began to speak, her camera and her screen were looked at, and nobody else's.
    assert {(track.participant, track.source) for track in asked_for} == {
        ("alice", Source.CAMERA),
        ("alice", Source.SCREEN),
    }
