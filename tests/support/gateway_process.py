"""The gateway as a process, as anybody runs it."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE, STDOUT, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import aiohttp

from sightline.embedded import HOST, free_port, tethered

START_SECONDS = 60
STOP_SECONDS = 20


@dataclass(frozen=True, slots=True)
class GatewayProcess:
    """A gateway that serves its page."""

    process: Process
    port: int

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}/"


@asynccontextmanager
async def running_gateway(nats_url: str, **settings: str) -> AsyncIterator[GatewayProcess]:
    """Start a gateway on a free port, and wait until its page is there; its log is shown if the test fails.

    Args:
        settings: Environment variables, besides those of the tests.
    """
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        *tethered(sys.executable, "-m", "sightline_gateway"),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=PIPE,
        stderr=STDOUT,
        env={
            **os.environ,
            "NATS_URL": nats_url,
            "GATEWAY_PORT": str(port),
            "SIGHTLINE_HTTP_PORT": "-1",
            **settings,
        },
    )
    assert process.stdout is not None
    log = asyncio.create_task(process.stdout.read())
    try:
        async with asyncio.timeout(START_SECONDS):
            await _until_it_serves(port, process)
        yield GatewayProcess(process, port)
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(STOP_SECONDS):
            assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        sys.stdout.write((await log).decode(errors="replace"))


async def _until_it_serves(port: int, process: Process) -> None:
    async with aiohttp.ClientSession() as http:
        while process.returncode is None:
            try:
                async with http.get(f"http://{HOST}:{port}/") as answer:
                    assert answer.status == 200, await answer.text()
                    return
            except aiohttp.ClientConnectionError:
                await asyncio.sleep(0.05)  # another process has no event of ours
