"""examples/screen_share_helper.py, as README says to run it."""

from __future__ import annotations

import asyncio

import pytest

from sightline import imaging
from support.agents import agent_listens, completions, users_words
from support.examples import CHAT, a_stage
from support.livekit_publisher import Publisher
from support.livekit_server import LiveKitServer
from support.model_servers import OpenAIServer
from support.nats_server import Server
from support.scenes import GREEN, RED, scene, shows
from support.system import ENCODER

pytestmark = [pytest.mark.livekit, pytest.mark.slow, pytest.mark.timeout(180)]


async def test_the_screen_share_helper_is_shown_the_screen_itself_and_whose_it_is(
    nats: Server, livekit: LiveKitServer
) -> None:
    async with OpenAIServer(answer="Click on it.") as model, a_stage(nats, livekit) as stage:
        await stage.system.start(ENCODER)
        example = "screen_share_helper.py"
        await stage.system.example(example, "dev", OPENAI_BASE_URL=model.url, OPENAI_API_KEY="any")
        async with asyncio.timeout(120), Publisher(livekit, room="help desk") as alice:
            screen, camera = await alice.screen(), await alice.camera()
            screen.show(scene(GREEN, "Save"))
            camera.show(scene(RED))
            await agent_listens(alice.room)
            await stage.described("alice", "a green wall")
            await stage.described("alice", "a red wall")
            while len(completions(model)) == 0 or len(completions(model)[-1].images) < 2:
                asked = len(completions(model))
                await alice.room.local_participant.send_text("How do I save it?", topic=CHAT)
                while len(completions(model)) == asked:
                    await model.requested(len(model.requests) + 1)
    request = completions(model)[-1]
    words = users_words(request)[-1]
    assert "alice's screen" in words
    assert '"a green wall"' in words
    pictures = [imaging.decode(image) for image in request.images]
    assert any(shows(picture, GREEN) for picture in pictures)
    parts = [part for part in request.messages[-1]["content"] if part["type"] == "image_url"]
    assert {part["image_url"]["detail"] for part in parts} == {"high"}
