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

from sightline.changes import Changes
from sightline.embedded import tethered
from support.livekit_server import LiveKitServer

INGEST = ("sightline_ingest",)
CAPTIONER = ("sightline_captioner",)
ENCODER = ("sightline_encoder",)
AGENT = ("sightline_agent", "start", "--http-port", "0")
GATEWAY = ("sightline_gateway",)

STARTED = {
    INGEST: "ready_for_rooms",
    CAPTIONER: "stage_started",
    ENCODER: "stage_started",
    # A room that is made before this is never offered to it.
    AGENT: "registered worker",
    GATEWAY: "gateway_listening",
}
EXAMPLES = Path(__file__).parents[2] / "examples"
START_SECONDS = 90
STOP_SECONDS = 30


class Log:
    """Every line that services wrote, in the order in which they were read."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._changes = Changes()

    def add(self, line: str) -> None:
        self.lines.append(line)
        self._changes.tell()

    async def says(self, words: str) -> None:
        """Wait until one of them has said this."""
        async with asyncio.timeout(START_SECONDS):
            while not any(words in line for line in self.lines):
                await self._changes.after(self._changes.version)


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
        self.log = Log()

    async def start(self, module: tuple[str, ...], **settings: str) -> Process:
        """Start a service, and wait until it has; it is stopped with the system."""
        return await self._run(("-m", *module), STARTED[module], settings)

    async def replace(self, old: Process, module: tuple[str, ...], **settings: str) -> Process:
        """Roll: start a new replica, and once it works tell the old one to stop; the old one has ended."""
        new = await self.start(module, **settings)
        old.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(old.wait(), START_SECONDS) == 0, f"{module[0]} did not end in order"
        return new

    async def example(self, name: str, *arguments: str, **settings: str) -> Process:
        """Start one of the examples, a worker; otherwise as ``start``."""
        return await self._run((str(EXAMPLES / name), *arguments), STARTED[AGENT], settings)

    async def _run(self, python: tuple[str, ...], until: str, settings: dict[str, str]) -> Process:
        return await self._stack.enter_async_context(
            _running(python, until, self._environment | settings, self.log)
        )


@asynccontextmanager
async def _running(
    python: tuple[str, ...], until: str, environment: dict[str, str], log: Log
) -> AsyncIterator[Process]:
    command = tethered(sys.executable, *python)
    process = await asyncio.create_subprocess_exec(*command, env=environment, stdout=PIPE, stderr=STDOUT)
    lines, started = [f"--- {' '.join(python)}\n"], asyncio.Event()
    reading = asyncio.create_task(_read(process, lines, log, until, started))
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


async def _read(process: Process, lines: list[str], log: Log, until: str, started: asyncio.Event) -> None:
    assert process.stdout is not None
    async for line in process.stdout:
        lines.append(line.decode())
        log.add(lines[-1])
        if until in lines[-1]:
            started.set()
    started.set()


@asynccontextmanager
async def running_system(nats_url: str, livekit: LiveKitServer) -> AsyncIterator[System]:
    async with AsyncExitStack() as stack:
        yield System(nats_url, livekit, stack)
