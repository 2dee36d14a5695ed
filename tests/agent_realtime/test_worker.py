"""The ready-made worker with a realtime model, as a process in a real room."""

from __future__ import annotations

import asyncio
import os
import sys
from asyncio.subprocess import PIPE
from contextlib import AsyncExitStack

import pytest

from sightline.bus import Bus
from support.livekit_publisher import Publisher
from support.livekit_server import LiveKitServer
from support.realtime_server import Call, Item, RealtimeServer
from support.scenes import BLUE, scene, shows
from support.sights import ALICE, caption, frame
from support.spectator import Spectator
from support.system import AGENT, System
from support.watching import Camera, Colours

pytestmark = [pytest.mark.livekit, pytest.mark.slow]

CHAT = "lk.chat"


async def test_a_worker_with_a_realtime_model_shows_it_the_video_and_answers_what_is_typed(
    livekit: LiveKitServer, bus: Bus, server: RealtimeServer
) -> None:
    async with AsyncExitStack() as stack:
        system = System(bus.settings.url, livekit, stack)
        await system.start(
            AGENT,
            AGENT_REALTIME_MODEL="gpt-realtime",
            AGENT_REALTIME_BASE_URL=server.url,
            AGENT_GREETING="Welcome!",
        )
        alice = await stack.enter_async_context(Publisher(livekit, room="realtime-worker"))
        camera = await alice.camera(size=(1280, 720))
        camera.show(scene(BLUE, size=(1280, 720)))
        await server.until(lambda: any(shows(image, BLUE) for image in server.images), timeout=60)
        await alice.room.local_participant.send_text("What do I hold?", topic=CHAT)
        await server.until(lambda: "What do I hold?" in _last(server), timeout=60)
    assert any("Welcome!" in response.instructions for response in server.responses)
    assert max(max(image.shape) for image in server.images) <= 1024
    assert not any("<camera-view>" in text for text in server.texts)


async def test_a_worker_whose_realtime_model_takes_no_images_tells_it_captions_and_watches(
    livekit: LiveKitServer, bus: Bus, server: RealtimeServer, captioner: Colours
) -> None:
    def answer(items: list[Item]) -> str | Call:
        watches = any(item["type"] == "function_call_output" for item in items)
        return "So it is." if watches else Call("watch", {"condition": "the picture is blue"})

    server.answer = answer
    track = ALICE.model_copy(update={"room": "realtime-captions"})
    async with AsyncExitStack() as stack:
        system = System(bus.settings.url, livekit, stack)
        await system.start(
            AGENT,
            AGENT_REALTIME_MODEL="gpt-realtime",
            AGENT_REALTIME_BASE_URL=server.url,
            AGENT_REALTIME_SHOWS="captions",
            AGENT_WATCH_TOOL="true",
            AGENT_WATCH_INTERVAL="0.2",
        )
        # Somebody who listens: an agent says one thing after the other.
        alice = await stack.enter_async_context(Spectator(livekit, room=track.room, of_avatars=False))
        await alice.camera()
        await server.until(lambda: bool(server.connections), timeout=60)
        await bus.publish(caption(frame(1, bus.now(), track), "a red mug"))
        await server.until(lambda: any('"a red mug"' in text for text in server.texts), timeout=60)
        await alice.room.local_participant.send_text("Tell me when it is blue.", topic=CHAT)
        await server.until(lambda: len(server.responses) >= 2, timeout=60)
        await Camera(bus).shows("blue", track)
        await server.until(lambda: len(server.responses) == 3, timeout=60)
    assert server.images == []
    assert "as soon as this is so" in server.responses[2].instructions


async def test_a_worker_whose_realtime_model_has_no_key_says_so_and_does_not_start() -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "sightline_agent", "start"),
        stderr=PIPE,
        env={**os.environ, "AGENT_REALTIME_MODEL": "gpt-realtime"},
    )
    _, said = await process.communicate()
    assert process.returncode == 2
    assert said.decode().startswith(
        "agent: AGENT_REALTIME_BASE_URL, OPENAI_BASE_URL, OPENAI_API_KEY: expected"
    )


def _last(server: RealtimeServer) -> list[str]:
    return server.responses[-1].texts if server.responses else []
