"""Many clients of a gateway, in a process of their own: each shows its camera, and asks questions.

The process is told what to do line by line, and says what came of it; see ``Crowd``.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from sightline.embedded import tethered
from support.load_pictures import Reel
from support.visitor import Outcome, Visit, Visitor

CONNECTING = 20
"""At once; the others wait, as they would for the backlog of the gateway's socket."""


@dataclass(frozen=True, slots=True)
class Crowd:
    """Some of the clients.

    Attributes:
        url: Of the gateway's WebSocket.
        first: Number of the first of them.
        clients: How many.
        scenes: Pictures of each camera that show something else.
        visit: What each does.
    """

    url: str
    first: int
    clients: int
    scenes: int
    visit: Visit


@dataclass(slots=True)
class CrowdProcess:
    """The process of a crowd."""

    process: asyncio.subprocess.Process
    outcomes: list[Outcome] = field(default_factory=list)

    async def does(self, what: str) -> Any:
        """Have it ``connect``, ``visit`` or ``leave``; returns once all of its clients have."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{what}\n".encode())
        line = await self.process.stdout.readline()
        assert line, f"the crowd's process ended as it was to {what}"
        return json.loads(line)

    async def visits(self) -> None:
        """Let the clients do what they came for."""
        self.outcomes = [Outcome.of(each) for each in await self.does("visit")]


@asynccontextmanager
async def crowd(plan: Crowd) -> AsyncIterator[CrowdProcess]:
    """Start the process of a crowd, which has its pictures ready; its clients have not connected."""
    process = await asyncio.create_subprocess_exec(
        *tethered(sys.executable, "-m", "support.gateway_crowd"),
        stdin=PIPE,
        stdout=PIPE,
        limit=256 * 1024 * 1024,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
    )
    assert process.stdin is not None
    try:
        process.stdin.write(json.dumps(asdict(plan)).encode() + b"\n")
        running = CrowdProcess(process)
        await running.does("")
        yield running
        process.stdin.close()
        await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def main() -> None:
    """One line of plan in, then commands; a line of JSON out for each."""
    lines = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    fields = json.loads(await lines.readline())
    plan = Crowd(**{**fields, "visit": Visit(**fields["visit"])})
    numbers = range(plan.first, plan.first + plan.clients)
    reels = {number: await asyncio.to_thread(Reel, number, plan.scenes) for number in numbers}
    async with AsyncExitStack() as stack:
        http = await stack.enter_async_context(aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)))
        visitors = [Visitor(number, http, plan.url, reels[number], plan.visit) for number in numbers]
        while command := (await lines.readline()).decode():
            print(json.dumps(await _done(command.strip(), visitors)), flush=True)


async def _done(command: str, visitors: list[Visitor]) -> Any:
    if command == "connect":
        free = asyncio.Semaphore(CONNECTING)

        async def connect(visitor: Visitor) -> None:
            async with free:
                await visitor.connect()

        await asyncio.gather(*map(connect, visitors))
    elif command == "visit":
        return [asdict(each) for each in await asyncio.gather(*(visitor.visit() for visitor in visitors))]
    elif command == "leave":
        await asyncio.gather(*(visitor.leave() for visitor in visitors))
    return len(visitors)


if __name__ == "__main__":
    asyncio.run(main())
