"""The whole system, observed: every service a process with metrics and traces, in use."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from sightline.bus import Bus
from sightline.config import BusSettings
from sightline.embedded import HOST, NatsServer, free_port
from support.agents import agent_listens, completions
from support.gateway_clients import connected
from support.gateway_process import GatewayProcess, running_gateway
from support.livekit_publisher import Publisher
from support.livekit_server import LiveKitServer
from support.model_servers import MoondreamServer, OpenAIServer
from support.otlp import OtlpReceiver, receiving
from support.scenes import BLUE, RED, scene
from support.stage import Source, captions, dead_letters, track
from support.system import AGENT, CAPTIONER, ENCODER, INGEST, running_system

MODULES = {"room-ingest": INGEST, "captioner": CAPTIONER, "encoder": ENCODER, "agent": AGENT}
CHAT = "lk.chat"


@dataclass(frozen=True, slots=True)
class Observed:
    """What runs.

    Attributes:
        targets: Job -> host and port of its ``/metrics``.
        traces: All spans that its services export.
    """

    targets: Mapping[str, str]
    traces: OtlpReceiver
    bus: Bus
    model: OpenAIServer
    alice: Publisher
    gateway: GatewayProcess

    async def turn(self, question: str) -> None:
        """Alice types something, and the model is asked."""
        before = len(completions(self.model))
        await self.alice.room.local_participant.send_text(question, topic=CHAT)
        async with asyncio.timeout(60):
            while len(completions(self.model)) == before:
                await self.model.requested(len(self.model.requests) + 1)

    async def use(self) -> None:
        """A bit of everything that is counted, broken things included."""
        async with captions(self.bus) as found:
            self.alice.show(scene(BLUE))
            await found.says("blue")
        for question in ("What do you see?", "And now?"):
            await self.turn(question)
        async with dead_letters(self.bus) as letters:
            await Source(self.bus, "captioner").show(track(9), b"no picture")
            await letters.has(1)
        async with connected(self.gateway) as client:
            await client.next("session_init")
            await client.frame(1, triggerReason="initial")
            await client.next("frame_received")
            await client.frame(2, b"no picture")
            await client.next("error")
            await client.asks()


@asynccontextmanager
async def observed(livekit: LiveKitServer) -> AsyncIterator[Observed]:
    """Start everything; alice is in a room with the agent, and shows a red wall."""
    async with AsyncExitStack() as stack:
        nats = await stack.enter_async_context(NatsServer())
        traces = await stack.enter_async_context(receiving())
        moondream = await stack.enter_async_context(MoondreamServer())
        model = await stack.enter_async_context(OpenAIServer(answer="Indeed."))
        bus = await stack.enter_async_context(Bus.open(BusSettings(url=nats.url), name="test"))
        system = await stack.enter_async_context(running_system(nats.url, livekit))
        ports = {job: free_port() for job in [*MODULES, "gateway"]}
        common = {
            "SIGHTLINE_TRACE": "otlp",
            "OTEL_EXPORTER_OTLP_ENDPOINT": traces.url,
            "OTEL_BSP_SCHEDULE_DELAY": "200",
            "MOONDREAM_ENDPOINT": moondream.url,
            "AGENT_LLM_BASE_URL": model.url,
            "AGENT_LLM_MODEL": "test-model",
        }
        for job, module in MODULES.items():
            port = "AGENT_METRICS_PORT" if module is AGENT else "SIGHTLINE_HTTP_PORT"
            await system.start(module, **common, **{port: str(ports[job])})
        settings = {"SIGHTLINE_HTTP_PORT": str(ports["gateway"])}
        gateway = await stack.enter_async_context(running_gateway(nats.url, **common, **settings))
        alice = await stack.enter_async_context(Publisher(livekit, room="observed", identity="alice"))
        await alice.camera()
        alice.show(scene(RED))
        await asyncio.wait_for(agent_listens(alice.room), 60)
        targets = {job: f"{HOST}:{port}" for job, port in ports.items()}
        yield Observed(targets, traces, bus, model, alice, gateway)
