"""Calls come and go: nothing that can be counted grows with them, in any service.

``benchmarks/soak.py`` looks at the memory of twenty rooms for half an hour.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections import Counter
from dataclasses import dataclass

import aiohttp
import psutil
import pytest
from livekit import api

from sightline import topology
from sightline.bus import Bus
from sightline.config import BusSettings
from sightline.embedded import HOST, NatsServer, free_port
from sightline.messages import Caption
from support.agents import agent_listens
from support.gateway_clients import Client
from support.livekit_publisher import Publisher
from support.livekit_server import LiveKitServer
from support.model_servers import MoondreamServer, OpenAIServer
from support.rolling import Asker, answer, describe
from support.scenes import BLUE, scene
from support.stage import Stored, stored
from support.system import AGENT, CAPTIONER, ENCODER, GATEWAY, INGEST, System, running_system

pytestmark = [pytest.mark.livekit, pytest.mark.slow, pytest.mark.timeout(300)]

MiB = 1024 * 1024
CALLS_AT_ONCE = 2
WARM_UP, ROUNDS = 2, 4
SETTLE_SECONDS = 60.0
METRICS = (
    "sightline_event_loop_tasks",
    "sightline_ingest_tracks",
    "sightline_ingest_streams",
    "sightline_gateway_sessions",
)


@dataclass(frozen=True)
class Services:
    """What is counted, and where."""

    processes: dict[str, psutil.Process]
    metrics: dict[str, int]
    monitoring: int

    async def counted(self) -> Counter[str]:
        """Open files, and what NATS and the services themselves tell of what comes and goes."""
        counts = Counter({f"{name}: open files": each.num_fds() for name, each in self.processes.items()})
        async with aiohttp.ClientSession() as http:
            connections = await _json(http, self.monitoring, "connz?limit=1000")
            for each in connections["connections"]:
                counts[f"{each.get('name', '')}: connections"] += 1
                counts[f"{each.get('name', '')}: subscriptions"] += each["subscriptions"]
            counts["consumers"] = (await _json(http, self.monitoring, "jsz"))["consumers"]
            for name, port in self.metrics.items():
                async with http.get(f"http://{HOST}:{port}/metrics") as response:
                    text = await response.text()
                for metric in METRICS:
                    found = re.search(rf"^{metric} (\S+)$", text, re.MULTILINE)
                    counts[f"{name}: {metric}"] = int(float(found[1])) if found else 0
        return counts

    async def settled(self, at_most: Counter[str]) -> Counter[str]:
        """What there is once it is no more than this, or after a while."""
        counts = await self.counted()
        try:
            async with asyncio.timeout(SETTLE_SECONDS):
                while counts - at_most:
                    await asyncio.sleep(0.2)  # other processes have no event of ours
                    counts = await self.counted()
        except TimeoutError:
            pass
        return counts

    def memory(self) -> dict[str, int]:
        return {name: each.memory_info().rss for name, each in self.processes.items()}


async def _json(http: aiohttp.ClientSession, port: int, path: str) -> dict[str, object]:
    async with http.get(f"http://{HOST}:{port}/{path}") as response:
        return json.loads(await response.read())


async def started(
    system: System, sees: MoondreamServer, talks: OpenAIServer, monitoring: int, port: int
) -> Services:
    answers = {"AGENT_LLM_BASE_URL": talks.url, "AGENT_LLM_MODEL": "test-model"}
    wanted = {
        "room-ingest": (INGEST, {"INGEST_EMPTY_GRACE": "0.2"}),
        "captioner": (CAPTIONER, {"MOONDREAM_ENDPOINT": sees.url}),
        "encoder": (ENCODER, {}),
        "agent": (AGENT, {**answers, "AGENT_EXECUTOR": "thread"}),
        "gateway": (GATEWAY, {**answers, "GATEWAY_PORT": str(port), "GATEWAY_RESUME_SECONDS": "0.2"}),
    }
    processes, metrics = {}, {}
    for name, (module, settings) in wanted.items():
        metrics[name] = free_port()
        process = await system.start(module, **settings, SIGHTLINE_HTTP_PORT=str(metrics[name]))
        processes[name] = psutil.Process(process.pid)
    del metrics["agent"]  # which has a worker's own
    return Services(processes, metrics, monitoring)


async def call(livekit: LiveKitServer, room: str, captions: Stored) -> None:
    """Somebody comes, is seen, asks, is answered, and goes."""
    async with Publisher(livekit, room, "guest") as guest:
        await guest.camera(size=(160, 90), fps=5)
        guest.show(scene(BLUE, size=(160, 90)))
        await asyncio.wait_for(agent_listens(guest.room), 60)
        async with asyncio.timeout(60), captions.grown:
            await captions.grown.wait_for(lambda: any(_is_of(room, each) for each in captions.messages))
        asker = Asker(guest)
        await asker.ask(1)
        assert await asker.reply()
    async with api.LiveKitAPI(livekit.url, livekit.api_key, livekit.api_secret) as server:
        await server.room.delete_room(api.DeleteRoomRequest(room=room))


def nobody_there(counts: Counter[str]) -> Counter[str]:
    """No track, stream or session; of the rest any number."""
    there = ("_tracks", "_streams", "_sessions")
    return Counter({name: 0 if name.endswith(there) else 1_000_000 for name in counts})


def wavering(counts: Counter[str]) -> Counter[str]:
    """Less than one for each call: sockets of WebRTC and tasks of pulls come and go by themselves."""
    names = [name for name in counts if name.endswith(("open files", "_tasks"))]
    return Counter(dict.fromkeys(names, ROUNDS * CALLS_AT_ONCE - 1))


def _is_of(room: str, caption: Caption) -> bool:
    return caption.frame is not None and caption.frame.track.room == room and "blue" in caption.text


async def visit(port: int) -> None:
    """A client of the gateway comes, shows something, asks, is answered, and goes."""
    async with aiohttp.ClientSession() as http, http.ws_connect(f"http://{HOST}:{port}/ws") as socket:
        client = Client(socket)
        await client.frame()
        await client.next("frame_received")
        assert await client.asks("pomegranate 1?")


async def test_calls_that_come_and_go_leave_nothing_in_any_service(livekit: LiveKitServer) -> None:
    monitoring, port = free_port(), free_port()
    async with (
        NatsServer(args=("-m", str(monitoring))) as nats,
        MoondreamServer(answer=describe) as sees,
        OpenAIServer(answer=answer) as talks,
        running_system(nats.url, livekit) as system,
        Bus.open(BusSettings(url=nats.url), name="test") as bus,
        stored(bus, topology.CAPTIONS, Caption) as captions,
    ):
        services = await started(system, sees, talks, monitoring, port)

        async def rounds(first: int, count: int) -> None:
            for number in range(first, first + count):
                calls = [call(livekit, f"call {number}-{each}", captions) for each in range(CALLS_AT_ONCE)]
                await asyncio.gather(*calls, *(visit(port) for _ in calls))

        await rounds(0, WARM_UP)  # what is made once, and kept
        before = await services.settled(nobody_there(await services.counted()))
        memory = services.memory()
        await rounds(WARM_UP, ROUNDS)
        after = await services.settled(before + wavering(before))
        more = after - (before + wavering(before))
        assert not more, f"{more} more than before, of {before}"
        for name, size in services.memory().items():
            assert size - memory[name] < 50 * MiB, name
