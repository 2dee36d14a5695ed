"""examples/image_upload_agent.py, as README says to run it."""

from __future__ import annotations

import asyncio

import pytest

from support.agents import agent_listens, completions, users_words
from support.encoded import SVG, encoded
from support.livekit_publisher import Publisher
from support.livekit_server import LiveKitServer
from support.model_servers import OpenAIServer
from support.nats_server import Server
from support.system import running_system
from support.uploads import Texts, send_with_attachments

pytestmark = [pytest.mark.livekit, pytest.mark.slow, pytest.mark.timeout(180)]

CAT = encoded("PNG")


async def test_the_image_upload_agent_is_shown_what_was_attached_and_refuses_what_is_no_image(
    nats: Server, livekit: LiveKitServer
) -> None:
    async with OpenAIServer(answer="A cat.") as model, running_system(nats.url, livekit) as system:
        example = "image_upload_agent.py"
        await system.example(example, "dev", OPENAI_BASE_URL=model.url, OPENAI_API_KEY="any")
        async with asyncio.timeout(120), Publisher(livekit, room="album") as alice:
            told = Texts(alice.room)
            await agent_listens(alice.room)
            await send_with_attachments(alice.room, "What is this?", [("cat.png", CAT)])
            while not completions(model):
                await model.requested(len(model.requests) + 1)
            await alice.room.local_participant.send_bytes(SVG, topic="images", name="cat.svg")
            refusal = await told.got.get()
    [asked] = completions(model)
    assert asked.images == [CAT]
    assert '[alice sent an image, "cat.png"]' in asked.text
    assert users_words(asked)[-1].endswith("What is this?")
    assert refusal.text.startswith("cat.svg was not taken:")
