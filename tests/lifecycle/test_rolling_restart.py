"""Every service is replaced under load: a new replica works, then the old one is told to stop.

No track stalls, no turn is lost, no frame is described twice; and what all of them logged holds nothing
of what was shown, said, or called.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

import aiohttp
import pytest
from livekit import api

from sightline import topology
from sightline.bus import Bus
from sightline.embedded import HOST, free_port
from sightline.log import name_id
from sightline.messages import Caption, DeadLetter, EncodedImage
from support.agents import agent_listens
from support.gateway_clients import Client
from support.http_server import Fault
from support.livekit_publisher import Publisher
from support.livekit_server import LiveKitServer
from support.model_servers import MoondreamServer, OpenAIServer
from support.nats_server import Server
from support.rolling import (
    CAPTION,
    QUESTION,
    REPLY,
    Asker,
    Camera,
    Load,
    answer,
    describe,
    newer_images,
)
from support.stage import dead_letters, stored
from support.system import AGENT, CAPTIONER, ENCODER, GATEWAY, INGEST, running_system

pytestmark = [pytest.mark.livekit, pytest.mark.timeout(300)]

HALL, OFFICE = "Marlowe hall", "Marlowe office"
PEOPLE = ("Quimby one", "Quimby two", "Quimby three")


@asynccontextmanager
async def under(*loads: Load) -> AsyncIterator[None]:
    """The loads go on meanwhile; one that goes wrong ends the block."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(load.run()) for load in loads]
        yield
        for task in tasks:
            task.cancel()


async def go_on(loads: Iterable[Load]) -> None:
    """Each of them makes progress after this moment."""
    await asyncio.gather(*(load.later(2) for load in loads))


async def over(livekit: LiveKitServer, room: str) -> None:
    """The call is over; LiveKit would wait a while for somebody to come back."""
    async with api.LiveKitAPI(livekit.url, livekit.api_key, livekit.api_secret) as server:
        await server.room.delete_room(api.DeleteRoomRequest(room=room))


def holds_nothing_of_anybody(log: str) -> None:
    for word in (CAPTION, QUESTION, REPLY, "Marlowe", "Quimby", "/9j/", "JFIF"):
        assert word not in log, next(line for line in log.splitlines() if word in line)


@pytest.mark.slow
async def test_workers_and_ingest_are_replaced_and_no_track_stalls_and_no_turn_is_lost(
    nats: Server, bus: Bus, livekit: LiveKitServer
) -> None:
    async with (
        MoondreamServer(answer=describe) as moondream,
        OpenAIServer(answer=answer) as model,
        running_system(nats.url, livekit) as system,
        stored(bus, topology.CAPTIONS, Caption) as captions,
        stored(bus, topology.IMAGES, EncodedImage) as images,
        dead_letters(bus) as dead,
    ):
        sees = {"MOONDREAM_ENDPOINT": moondream.url}
        talks = {"AGENT_LLM_BASE_URL": model.url, "AGENT_LLM_MODEL": "test-model"}
        ingest = await system.start(INGEST)
        captioner, encoder = await system.start(CAPTIONER, **sees), await system.start(ENCODER)
        await system.start(AGENT, AGENT_EXECUTOR="thread", **talks)
        async with (
            Publisher(livekit, HALL, PEOPLE[0]) as one,
            Publisher(livekit, HALL, PEOPLE[1]) as two,
            Publisher(livekit, OFFICE, PEOPLE[2]) as three,
        ):
            for person in (one, two, three):
                await person.camera(size=(320, 180))
            # Where two are in a room, the agent talks with whoever it found first.
            await asyncio.wait_for(agent_listens(three.room), 60)
            loads = [*(Camera(person, captions) for person in (one, two, three)), Asker(three)]
            async with under(*loads):
                await go_on(loads)
                await system.replace(captioner, CAPTIONER, **sees)
                await go_on(loads)
                await system.replace(encoder, ENCODER)
                await newer_images(images, tracks=3)
                await system.replace(ingest, INGEST)
                await go_on(loads)
    assert [letter for letter in dead.messages if isinstance(letter, DeadLetter)] == []
    assert max(Counter(caption.frame.id for caption in captions.messages).values()) == 1
    log = "".join(system.log.lines)
    holds_nothing_of_anybody(log)
    assert f'"room": "{name_id(HALL)}"' in log, "what happened in a room is found by its id"


async def test_a_call_in_progress_stays_with_its_agent_and_the_next_one_goes_to_the_new(
    nats: Server, bus: Bus, livekit: LiveKitServer
) -> None:
    async with OpenAIServer(answer=answer) as model, running_system(nats.url, livekit) as system:
        settings = {
            "AGENT_LLM_BASE_URL": model.url,
            "AGENT_LLM_MODEL": "test-model",
            "AGENT_EXECUTOR": "thread",
            "AGENT_DRAIN_SECONDS": "60",
        }
        old = await system.start(AGENT, **settings)
        async with Publisher(livekit, f"{HALL} of the old", PEOPLE[0]) as one:
            asker = Asker(one)
            await asyncio.wait_for(agent_listens(one.room), 60)
            model.fault = Fault.HANG
            await asker.ask(1)
            await model.requested(len(model.requests) + 1)
            await system.start(AGENT, **settings)
            old.terminate()
            await system.log.says("draining worker")
            model.fault = None
            model.release()
            assert await asker.reply() == f"{REPLY} 1.", "begun before the signal"
            await asker.ask(2)
            assert await asker.reply() == f"{REPLY} 2.", "asked after it"
        await over(livekit, f"{HALL} of the old")
        assert await asyncio.wait_for(old.wait(), 60) == 0
        async with Publisher(livekit, f"{HALL} of the new", PEOPLE[1]) as two:
            asker = Asker(two)
            await asyncio.wait_for(agent_listens(two.room), 60)
            await asker.ask(3)
            assert await asker.reply() == f"{REPLY} 3."
        await over(livekit, f"{HALL} of the new")
    holds_nothing_of_anybody("".join(system.log.lines))


async def test_a_gateway_finishes_its_replies_and_its_clients_go_on_at_the_next(
    nats: Server, bus: Bus, livekit: LiveKitServer
) -> None:
    async with (
        OpenAIServer(answer=answer) as model,
        running_system(nats.url, livekit) as system,
        aiohttp.ClientSession() as http,
    ):
        ports = free_port(), free_port()
        talks = {"AGENT_LLM_BASE_URL": model.url, "AGENT_LLM_MODEL": "test-model"}
        old = await system.start(GATEWAY, GATEWAY_PORT=str(ports[0]), **talks)
        async with http.ws_connect(f"http://{HOST}:{ports[0]}/ws") as socket:
            client = Client(socket)
            assert await client.asks(f"{QUESTION} 1?") == f"{REPLY} 1."
            model.fault = Fault.HANG
            await client.send("transcript", text=f"{QUESTION} 2?")
            await client.next("text", lambda text: text["role"] == "user")
            await system.start(GATEWAY, GATEWAY_PORT=str(ports[1]), **talks)
            old.terminate()
            await system.log.says("service_stopping")
            model.fault = None
            model.release()
            assert (await client.next("response_complete"))["text"] == f"{REPLY} 2."
            assert await client.closed() == 1001
        assert await asyncio.wait_for(old.wait(), 60) == 0
        async with http.ws_connect(f"http://{HOST}:{ports[1]}/ws") as socket:
            assert await Client(socket).asks(f"{QUESTION} 3?") == f"{REPLY} 3."
    holds_nothing_of_anybody("".join(system.log.lines))
