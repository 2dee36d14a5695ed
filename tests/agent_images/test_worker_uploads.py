"""Uploads to the ready-made agent, which runs as a process, with a captioner beside it."""

from __future__ import annotations

import asyncio

import pytest

from support.agents import completions, users_words
from support.encoded import encoded
from support.livekit_publisher import Publisher
from support.livekit_server import LiveKitServer
from support.model_servers import OpenAIServer
from support.nats_server import Server
from support.system import AGENT, CAPTIONER, running_system
from support.uploads import Texts, send_with_attachments

pytestmark = [pytest.mark.livekit, pytest.mark.slow]

CAT = encoded("PNG", (320, 240))


async def _agent_is_there(alice: Publisher) -> None:
    there = asyncio.Event()
    alice.room.on("participant_connected", lambda _: there.set())
    if not alice.room.remote_participants:
        await there.wait()


async def _ask_until(alice: Publisher, model: OpenAIServer, answers: Texts, told: str) -> str:
    """Send an image with a question, until the model is told this: eyes and inbox open last."""
    words = ""
    while told not in words:
        await send_with_attachments(alice.room, "What is this?", [("cat.png", CAT)])
        await answers.got.get()
        words = "\n".join(users_words(completions(model)[-1]))
    return words


@pytest.mark.parametrize(
    ("mode", "told"), [("captions", "a vision system described it as: "), ("images", '"cat.png"]')]
)
async def test_an_image_that_is_typed_about_reaches_the_agents_model(
    livekit: LiveKitServer, nats: Server, model: OpenAIServer, mode: str, told: str
) -> None:
    settings = {"AGENT_LLM_BASE_URL": model.url, "AGENT_LLM_MODEL": "test-model", "AGENT_MODE": mode}
    async with asyncio.timeout(110), running_system(nats.url, livekit) as system:
        await asyncio.gather(system.start(CAPTIONER), system.start(AGENT, **settings))
        async with Publisher(livekit, room=f"uploads-to-the-worker-{mode}") as alice:
            answers = Texts(alice.room, "lk.transcription")
            await _agent_is_there(alice)
            words = await _ask_until(alice, model, answers, told)
    assert '[alice sent an image, "cat.png"' in words
    assert words.endswith("What is this?")
    assert (CAT in completions(model)[-1].images) is (mode == "images")
