"""Many sessions at once, each with a camera and questions, over WebSockets from another process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from prometheus_client import REGISTRY

from sightline.bus import Bus
from sightline.config import BusSettings
from sightline.runner import Runner
from sightline.stages import StageRegistry
from sightline.topology import CAPTIONS, FRAMES, IMAGES
from sightline.worker import VisionWorker
from sightline_captioner.settings import CaptionerSettings
from sightline_captioner.worker import Captioner
from sightline_encoder.settings import EncoderSettings
from sightline_encoder.worker import Encoder
from sightline_gateway.serving.server import PATH, GatewayServer
from sightline_gateway.session import VideoSession
from sightline_gateway.session.agent import GatewayAgent
from sightline_gateway.session.models import Models
from sightline_gateway.settings import GatewaySettings, SessionSettings
from support.agents import talking_to
from support.gateway_crowd import Crowd, crowd
from support.gateway_load import judged
from support.load_models import Answerer, Describer
from support.nats_server import Server
from support.sampling import running
from support.visitor import Visit

SESSIONS = 40
VISIT = Visit(seconds=8, turns=2, still=3)
SESSIONS_CODE = ("sightline_gateway", "sightline_agent", "livekit")


@pytest.fixture
async def describer(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Describer]:
    """The captioner's model."""
    async with Describer() as server:
        monkeypatch.setenv("CAPTIONER_OPENAI_BASE_URL", server.url)
        monkeypatch.setenv("CAPTIONER_OPENAI_MODEL", "test-model")
        yield server


@pytest.fixture
async def stages(nats: Server, bus: Bus, describer: Describer) -> AsyncIterator[None]:
    """Captioner and encoder, on a bus of their own."""
    workers: dict[str, VisionWorker] = {
        "captioner": Captioner(CaptionerSettings(backend="openai", concurrency=16)),
        "encoder": Encoder(EncoderSettings()),
    }
    stopping, registry = asyncio.Event(), StageRegistry(bus)
    async with Bus.open(BusSettings(url=nats.url), name="stages") as own, running(registry.run()):
        tasks = [
            asyncio.create_task(Runner(each, name, own).run(stopping, 1.0)) for name, each in workers.items()
        ]
        while not registry.wants.keys() >= workers.keys():
            await registry.changed(registry.version)
        yield
        stopping.set()
        await asyncio.gather(*tasks)


@pytest.fixture
async def answerer() -> AsyncIterator[Answerer]:
    """The language model."""
    async with Answerer() as server:
        yield server


@asynccontextmanager
async def gateway(bus: Bus, answerer: Answerer) -> AsyncIterator[GatewayServer]:
    """A gateway whose turns see images and captions, as by default."""
    sessions = SessionSettings()
    vision = talking_to(answerer, mode="both")
    models = await asyncio.to_thread(Models.configured, vision)

    def make(session_id: str, participant: str) -> VideoSession:
        agent = GatewayAgent(vision)
        return VideoSession(
            bus, session_id=session_id, settings=sessions, agent=agent, models=models, participant=participant
        )

    try:
        async with GatewayServer(make, GatewaySettings(port=0), sessions) as server:
            yield server
    finally:
        await models.aclose()


@pytest.mark.slow
@pytest.mark.timeout(180)
async def test_no_reply_is_lost_or_mixed_up_and_no_frame_refused_and_nothing_is_left(
    bus: Bus, stages: None, answerer: Answerer
) -> None:
    async with gateway(bus, answerer) as server:
        plan = Crowd(f"http://127.0.0.1:{server.port}{PATH}", 0, SESSIONS, 3, VISIT)
        async with crowd(plan) as clients:
            before = await _left(bus)
            await clients.does("connect")
            assert (await _left(bus))["tasks"] >= SESSIONS
            assert len(server.registry) == SESSIONS
            await clients.visits()
            await clients.does("leave")
            await _ended(server)
            after = await _settled(bus, before)

    verdict = judged(clients.outcomes, answerer.answered)

    assert verdict.problems == []
    assert len(verdict.asked) == SESSIONS * VISIT.turns
    assert verdict.frames >= SESSIONS
    # Whoever was shown anything was shown its own.
    assert any(each.images for each in verdict.shown)
    assert any(each.captions for each in verdict.shown)
    assert after == before
    assert REGISTRY.get_sample_value("sightline_gateway_sessions") == 0
    assert REGISTRY.get_sample_value("sightline_gateway_open_connections") == 0


async def _ended(server: GatewayServer) -> None:
    """Wait until the sessions of all clients that left are closed."""
    for seat in server.registry:
        await seat.ended.wait()


async def _left(bus: Bus) -> dict[str, int]:
    """What sessions may leave behind: tasks, subscriptions, and readers of streams at the server."""
    counted = {"tasks": _tasks(), "subscriptions": len(bus._connection.client._subs)}
    for stream in (FRAMES, CAPTIONS, IMAGES):
        info = await bus._jetstream.api(f"STREAM.INFO.{stream.name}")
        counted[stream.name] = info["state"]["consumer_count"]
    return counted


def _tasks() -> int:
    """Tasks of the gateway's sessions; not those of the stages and model servers of this process."""
    files = [task.get_coro().cr_code.co_filename for task in asyncio.all_tasks()]
    return sum(any(f"/{package}/" in file for package in SESSIONS_CODE) for file in files)


async def _settled(bus: Bus, wanted: dict[str, int]) -> dict[str, int]:
    """The same, as soon as it is as wanted; or as it was in the end."""
    found = await _left(bus)
    try:
        async with asyncio.timeout(10):
            while found != wanted:
                await asyncio.sleep(0.05)  # the server tells nobody when it forgets a reader
                found = await _left(bus)
    except TimeoutError:
        pass
    return found
