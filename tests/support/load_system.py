"""All of Sightline for a gateway under load: its processes, NATS, and models over HTTP."""

from __future__ import annotations

import asyncio
import os
import re
import sys
import urllib.request
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import psutil

from sightline.bus import Bus
from sightline.config import BusSettings
from sightline.embedded import HOST, NatsServer, free_port, tethered
from sightline.stages import StageRegistry
from support.gateway_process import running_gateway
from support.load_models import Answerer, Describer

STAGES = ("captioner", "encoder")


@dataclass(frozen=True, slots=True)
class Cost:
    """A process at one moment: resident bytes, and seconds of processor time so far."""

    memory: int
    cpu: float


@dataclass(frozen=True, slots=True)
class LoadSystem:
    """What runs.

    Attributes:
        url: Of the gateway's WebSocket.
        bus: Another connection to the same NATS.
        answerer: The language model.
    """

    url: str
    bus: Bus
    answerer: Answerer
    _metrics: str
    _processes: dict[str, psutil.Process]

    def costs(self) -> dict[str, Cost]:
        """Of each process, by name."""
        return {name: _cost(process) for name, process in self._processes.items()}

    async def empty(self) -> None:
        """Wait until the gateway has no session."""
        while await asyncio.to_thread(self._sessions):  # noqa: ASYNC110 - it has no event of ours
            await asyncio.sleep(0.1)

    def _sessions(self) -> float:
        with urllib.request.urlopen(self._metrics) as answer:
            found = re.search(r"^sightline_gateway_sessions (.+)$", answer.read().decode(), re.MULTILINE)
        assert found is not None
        return float(found[1])


@asynccontextmanager
async def load_system(
    model_latency: float, caption_latency: float, **gateway: str
) -> AsyncIterator[LoadSystem]:
    """Start everything. What the gateway logs goes to stdout as it ends.

    Args:
        model_latency: Seconds that the language model takes to begin.
        caption_latency: Seconds that one caption takes.
        gateway: Further environment variables of the gateway.
    """
    async with AsyncExitStack() as stack:
        nats = await stack.enter_async_context(NatsServer())
        (server,) = (each for each in psutil.Process().children() if each.name() == "nats-server")
        describer = await stack.enter_async_context(Describer(caption_latency))
        answerer = await stack.enter_async_context(Answerer(model_latency))
        bus = await stack.enter_async_context(Bus.open(BusSettings(url=nats.url), name="load"))
        environment = {
            "NATS_URL": nats.url,
            "SIGHTLINE_LOG_LEVEL": "warning",
            "CAPTIONER_BACKEND": "openai",
            "CAPTIONER_OPENAI_BASE_URL": describer.url,
            "CAPTIONER_OPENAI_MODEL": "test-model",
            "CAPTIONER_CONCURRENCY": "32",
        }
        processes = {"nats-server": server}
        for stage in STAGES:
            processes[stage] = await stack.enter_async_context(_stage(stage, environment))
        await _announced(bus)
        metrics = free_port()
        settings = {
            "SIGHTLINE_HTTP_PORT": str(metrics),
            "SIGHTLINE_LOG_LEVEL": "warning",
            "AGENT_LLM_BASE_URL": answerer.url,
            "AGENT_LLM_MODEL": "test-model",
        }
        running = await stack.enter_async_context(running_gateway(nats.url, **(settings | gateway)))
        processes["gateway"] = psutil.Process(running.process.pid)
        yield LoadSystem(f"{running.url}ws", bus, answerer, f"http://{HOST}:{metrics}/metrics", processes)


@asynccontextmanager
async def _stage(name: str, environment: dict[str, str]) -> AsyncIterator[psutil.Process]:
    process = await asyncio.create_subprocess_exec(
        *tethered(sys.executable, "-m", f"sightline_{name}"),
        stdout=asyncio.subprocess.DEVNULL,
        env={**os.environ, **environment},
    )
    try:
        yield psutil.Process(process.pid)
    finally:
        process.terminate()
        await process.wait()


async def _announced(bus: Bus) -> None:
    """Wait until both stages want frames."""
    registry = StageRegistry(bus)
    following = asyncio.create_task(registry.run())
    while not registry.wants.keys() >= set(STAGES):
        await registry.changed(registry.version)
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)


def _cost(process: psutil.Process) -> Cost:
    with process.oneshot():
        times = process.cpu_times()
        return Cost(process.memory_info().rss, times.user + times.system)
