"""examples/realtime_agent.py, as README says to run it."""

from __future__ import annotations

import asyncio

import pytest

from support.agents import agent_listens
from support.caller import Caller
from support.examples import CHAT, a_stage
from support.livekit_publisher import Publisher
from support.livekit_server import LiveKitServer
from support.nats_server import Server
from support.realtime_connection import Item, texts_of
from support.realtime_server import Call, RealtimeServer
from support.scenes import BLUE, RED, scene, shows

pytestmark = [pytest.mark.livekit, pytest.mark.slow, pytest.mark.timeout(180)]

TELL_ME = "Tell me when the wall is blue."
EXAMPLE = "realtime_agent.py"


async def test_the_realtime_agent_is_shown_the_video(nats: Server, livekit: LiveKitServer) -> None:
    async with RealtimeServer() as model, a_stage(nats, livekit) as stage:
        await stage.system.example(EXAMPLE, "dev", OPENAI_BASE_URL=model.url, OPENAI_API_KEY="any")
        async with asyncio.timeout(120), Publisher(livekit, room="kitchen") as alice:
            await alice.camera(size=(1920, 1080))
            alice.show(scene(RED, size=(1920, 1080)))
            await agent_listens(alice.room)
            await model.until(lambda: any(shows(image, RED) for image in model.images))
            alice.show(scene(BLUE, size=(1920, 1080)))
            await model.until(lambda: any(shows(image, BLUE) for image in model.images))
    assert max(max(image.shape) for image in model.images) <= 1024


async def test_the_realtime_agent_says_by_itself_what_it_was_to_watch_for(
    nats: Server, livekit: LiveKitServer
) -> None:
    def answer(items: list[Item]) -> str | Call:
        if items and TELL_ME in texts_of(items[-1]):
            return Call("watch", {"condition": "the wall is blue"})
        return "All right."

    async with RealtimeServer(answer=answer) as model, a_stage(nats, livekit) as stage:
        await stage.system.example(EXAMPLE, "dev", OPENAI_BASE_URL=model.url, OPENAI_API_KEY="any")
        async with asyncio.timeout(120), Caller(livekit, room="kettle") as alice:
            await alice.camera()
            alice.show(scene(RED))
            await agent_listens(alice.room)
            await stage.described("alice", "a red wall")
            await alice.room.local_participant.send_text(TELL_ME, topic=CHAT)
            await model.until(lambda: len(model.responses) >= 2)
            assert not any("the wall is blue" in each.instructions for each in model.responses)
            alice.show(scene(BLUE))
            await model.until(
                lambda: any("the wall is blue" in each.instructions for each in model.responses)
            )
