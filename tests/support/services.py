"""Services as processes: their log, their health, their exit."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

from sightline.embedded import HOST, tethered
from support.buses import SECONDS

PROGRAM = Path(__file__).with_name("service_program.py")


class ServiceProcess:
    """A running service. Its log is JSON, line by line."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.lines: list[str] = []
        self._port = 0

    async def event(self, name: str) -> dict[str, Any]:
        """The next entry of the log with this event."""
        assert self.process.stderr is not None
        async with asyncio.timeout(SECONDS):
            while line := await self.process.stderr.readline():
                self.lines.append(line.decode())
                entry = json.loads(line)
                if entry["event"] == "service_started":
                    self._port = entry["port"]
                if entry["event"] == name:
                    return dict(entry)
        raise AssertionError(f"it ended without {name}:\n{''.join(self.lines)}")

    async def ended(self) -> int:
        """Its exit status."""
        assert self.process.stderr is not None
        async with asyncio.timeout(SECONDS):
            self.lines += (await self.process.stderr.read()).decode().splitlines(keepends=True)
            return await self.process.wait()

    def tell(self, number: signal.Signals = signal.SIGTERM) -> None:
        self.process.send_signal(number)

    async def get(self, path: str) -> tuple[int, str]:
        """Status and body of an HTTP endpoint."""
        async with (
            aiohttp.ClientSession() as client,
            client.get(f"http://{HOST}:{self._port}{path}") as answer,
        ):
            return answer.status, await answer.text()

    async def until_ready(self, ready: bool = True, naming: str = "") -> dict[str, str]:
        """Ask `/readyz` until it says so, with this among its reasons; the problems that it names."""
        async with asyncio.timeout(SECONDS):
            while True:
                status, body = await self.get("/readyz")
                said = json.loads(body)
                assert status == (200 if said["ready"] else 503)
                if said["ready"] is ready and naming in body:
                    return dict(said["problems"])
                await asyncio.sleep(0.05)  # another process has no event of ours


@asynccontextmanager
async def running(does: str, **environment: str) -> AsyncIterator[ServiceProcess]:
    """Run the program of ``support/service_program.py``; whatever becomes of it, it is gone at the end."""
    process = await asyncio.create_subprocess_exec(
        *tethered(sys.executable, PROGRAM, does),
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "SIGHTLINE_LOG_FORMAT": "json", **environment},
    )
    try:
        yield ServiceProcess(process)
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()
