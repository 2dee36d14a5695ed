"""The whole system as processes, as somebody runs it by hand."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE, STDOUT, Process
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from sightline.embedded import tethered
from support.livekit_server import LiveKitServer

INGEST = ("sightline_ingest",)
CAPTIONER = ("sightline_captioner",)
ENCODER = ("sightline_encoder",)
AGENT = ("sightline_agent", "start", "--http-port", "0")

STARTED = {
    INGEST: "ready_for_rooms",
    CAPTIONER: "stage_started",
    ENCODER: "stage_started",
    # A room that is made before this is never offered to it.
    AGENT: "registered worker",
}
EXAMPLES = Path(__file__).parents[2] / "examples"
START_SECONDS = 90
STOP_SECONDS = 30


class System:
    """Starts services; the log of each is shown when the test fails."""

    def __init__(self, nats_url: str, livekit: LiveKitServer, stack: AsyncExitStack) -> None:
        self._environment = os.environ | {
            "NATS_URL": nats_url,
            "LIVEKIT_URL": livekit.url,
            "LIVEKIT_API_KEY": livekit.api_key,
            "LIVEKIT_API_SECRET": livekit.api_secret,
            "SIGHTLINE_LOG_FORMAT": "json",
            "SIGHTLINE_DRAIN_SECONDS": "3",
            "AGENT_DRAIN_SECONDS": "1",
        }
        self._stack = stack

    async def start(self, module: tuple[str, ...], **settings: str) -> Process:
        """Start a service, and wait until it has; it is stopped with the system."""
        return await self._run(("-m", *module), STARTED[module], settings)

    async def example(self, name: str, *arguments: str, **settings: str) -> Process:
        """Start one of the examples, a worker; otherwise as ``start``."""
        return await self._run((str(EXAMPLES / name), *arguments), STARTED[AGENT], settings)

    async def _run(self, python: tuple[str, ...], until: str, settings: dict[str, str]) -> Process:
        return await self._stack.enter_async_context(_running(python, until, self._environment | settings))


@asynccontextmanager
async def _running(
    python: tuple[str, ...], until: str, environment: dict[str, str]
) -> AsyncIterator[Process]:
    command = tethered(sys.executable, *python)
    process = await asyncio.create_subprocess_exec(*command, env=environment, stdout=PIPE, stderr=STDOUT)
    lines, started = [f"--- {' '.join(python)}\n"], asyncio.Event()
    reading = asyncio.create_task(_read(process, lines, until, started))
    try:
        await asyncio.wait_for(started.wait(), START_SECONDS)
        yield process
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
            await asyncio.wait_for(process.wait(), STOP_SECONDS)
    finally:
        if process.returncode is None:
            process.kill()
        await asyncio.gather(process.wait(), reading)
        sys.stdout.write("".join(lines))


async def _read(process: Process, lines: list[str], until: str, started: asyncio.Event) -> None:
    assert process.stdout is not None
    async for line in process.stdout:
        lines.append(line.decode())
        if until in lines[-1]:
            started.set()
    started.set()


@asynccontextmanager
async def running_system(nats_url: str, livekit: LiveKitServer) -> AsyncIterator[System]:
    async with AsyncExitStack() as stack:
        yield System(nats_url, livekit, stack)
