"""docker-compose.yml with the images as they are built: from a camera to the turn, and what breaks there.

The models are HTTP servers on this machine; everything else is in containers.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from sightline.bus import Bus
from sightline.config import BusSettings
from support.agents import completions, users_words
from support.compose import (
    Composed,
    composed,
    host_for_containers,
    kill_and_start_the_bus,
    require_compose,
)
from support.model_servers import Fault, MoondreamServer, OpenAIServer
from support.participant import Participant, participant
from support.stage import captions

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def name_of(pixels: Any) -> str:
    """The caption: which of the scenes this is, by its strongest colour."""
    means = pixels.reshape(-1, 3).mean(axis=0)
    return f"a {['red', 'green', 'blue'][int(means.argmax())]} wall"


def for_containers(server: MoondreamServer | OpenAIServer) -> str:
    return server.url.replace(server.host, "host.docker.internal")


async def test_a_turn_knows_what_a_camera_shows_also_after_a_captioner_and_the_bus_were_killed(
    tmp_path: Path,
) -> None:
    require_compose()
    moondream, model = MoondreamServer(answer=name_of), OpenAIServer(answer="Indeed.")
    moondream.host = model.host = host_for_containers()
    async with moondream, model:
        settings = {
            "MOONDREAM_ENDPOINT": for_containers(moondream),
            "AGENT_LLM_BASE_URL": for_containers(model),
            "AGENT_LLM_MODEL": "test-model",
            "AGENT_MAX_CAPTION_AGE": "600",
        }
        async with (
            composed(tmp_path, settings, "--scale", "captioner=2") as system,
            participant(system, "the office", "alice") as alice,
        ):
            await the_turn_knows(system, alice, model, "red")
            await another_captioner_takes_over(system, alice, moondream)
            await asyncio.to_thread(kill_and_start_the_bus, system)
            await the_turn_knows(system, alice, model, "green")


async def the_turn_knows(system: Composed, alice: Participant, model: OpenAIServer, colour: str) -> None:
    """Shows the camera a colour, and asks once there is a caption of it."""
    async with (
        Bus.open(BusSettings(url=system.nats_url()), name="test") as bus,
        captions(bus) as found,
    ):
        await alice.does(f"camera {colour}")
        caption = await found.says(f"a {colour} wall")
    assert caption.frame.track.participant == "alice"
    await alice.does("agent")
    before = len(completions(model))
    await alice.does(f"say Which wall, {colour}?")
    async with asyncio.timeout(30):
        while len(completions(model)) == before:
            await model.requested(len(model.requests) + 1)
    assert f"a {colour} wall" in users_words(completions(model)[-1])[-1]


async def another_captioner_takes_over(
    system: Composed, alice: Participant, moondream: MoondreamServer
) -> None:
    """Kills the captioner that has the camera's frame in hand, while the screen's is in hand, too."""
    moondream.fault = Fault.HANG
    before = len(moondream.requests)
    async with (
        Bus.open(BusSettings(url=system.nats_url()), name="test") as bus,
        captions(bus) as found,
    ):
        await alice.does("camera blue")
        await alice.does("screen green")
        held = await in_hand(moondream, before, "a blue wall")
        await asyncio.to_thread(system.at("captioner", held).kill)
        moondream.release()
        async with asyncio.timeout(60), found.grown:
            await found.grown.wait_for(lambda: any(each.text == "a blue wall" for each in found.messages))
    looked = {each.peer for each in moondream.requests[before:] if name_of(each.pixels) == "a blue wall"}
    assert looked > {held}


async def in_hand(moondream: MoondreamServer, before: int, caption: str) -> str:
    """The address of who asked for this caption, which it does not get."""
    async with asyncio.timeout(30):
        count = before
        while True:
            for request in moondream.requests[count:]:
                if name_of(request.pixels) == caption:
                    return request.peer
            count = len(moondream.requests)
            await moondream.requested(count + 1)
