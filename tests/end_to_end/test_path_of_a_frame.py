"""From a camera in a real room to the request that a language model gets, over real parts only.

Every service is a process. Moondream and the language model are HTTP servers that speak their
protocols; the captions are made of the pixels that arrive there.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
from livekit import rtc

from sightline import topology
from sightline.bus import Bus
from sightline.messages import Caption, EncodedImage
from support.agents import agent_listens, completions, users_words
from support.livekit_publisher import Publisher
from support.livekit_server import LiveKitServer
from support.model_servers import MoondreamServer, OpenAIServer
from support.nats_server import Server
from support.scenes import BLUE, GREEN, RED, scene
from support.stage import stored
from support.system import AGENT, CAPTIONER, ENCODER, INGEST, System, running_system

pytestmark = [pytest.mark.livekit, pytest.mark.timeout(180)]

CHAT = "lk.chat"
COLOURS = {"red": RED, "green": GREEN, "blue": BLUE}


def name_of(pixels: Any) -> str:
    """The caption: which of the scenes this is, by its strongest colour."""
    means = pixels.reshape(-1, 3).mean(axis=0)
    return f"a {['red', 'green', 'blue'][int(means.argmax())]} wall"


@contextlib.asynccontextmanager
async def whole_system(
    nats: Server, livekit: LiveKitServer, moondream: MoondreamServer, model: OpenAIServer
) -> AsyncIterator[System]:
    async with running_system(nats.url, livekit) as system:
        await system.start(INGEST)
        await system.start(CAPTIONER, MOONDREAM_ENDPOINT=moondream.url)
        await system.start(ENCODER)
        await system.start(AGENT, AGENT_LLM_BASE_URL=model.url, AGENT_LLM_MODEL="test-model")
        yield system


async def ask(room: rtc.Room, model: OpenAIServer, question: str) -> str:
    """Type to the agent; what the model then read as the user's turn."""
    before = len(completions(model))
    await room.local_participant.send_text(question, topic=CHAT)
    async with asyncio.timeout(30):
        while len(completions(model)) == before:
            await model.requested(len(model.requests) + 1)
    return users_words(completions(model)[-1])[-1]


async def test_the_models_request_holds_the_caption_of_what_was_shown_last(
    nats: Server, bus: Bus, livekit: LiveKitServer
) -> None:
    async with (
        MoondreamServer(answer=name_of) as moondream,
        OpenAIServer(answer="Indeed.") as model,
        whole_system(nats, livekit, moondream, model),
        stored(bus, topology.CAPTIONS, Caption) as found,
        stored(bus, topology.IMAGES, EncodedImage) as images,
        Publisher(livekit, room="the office", identity="alice") as alice,
    ):
        await alice.camera()
        for colour in ("red", "blue", "green"):
            alice.show(scene(COLOURS[colour]))
            caption = await found.says(colour)
            await asyncio.wait_for(agent_listens(alice.room), 60)
            words = await ask(alice.room, model, f"Which wall, not {colour}?")
            assert f"a {colour} wall" in words
            assert "alice" in words
            assert caption.frame is not None
            assert caption.frame.track.participant == "alice"
        newest = (await images.has(1))[-1]
        assert newest.frame.track.room == "the office"


async def test_a_restarted_bus_costs_nothing_but_time(nats: Server, bus: Bus, livekit: LiveKitServer) -> None:
    async with (
        MoondreamServer(answer=name_of) as moondream,
        OpenAIServer(answer="Indeed.") as model,
        whole_system(nats, livekit, moondream, model),
        stored(bus, topology.CAPTIONS, Caption) as found,
        Publisher(livekit, room="hall", identity="bob") as bob,
    ):
        await bob.camera()
        bob.show(scene(RED))
        await found.says("red")
        await nats.kill()
        await nats.start()
        bob.show(scene(BLUE))
        await found.says("blue")
        await asyncio.wait_for(agent_listens(bob.room), 60)
        assert "a blue wall" in await ask(bob.room, model, "Which wall?")
