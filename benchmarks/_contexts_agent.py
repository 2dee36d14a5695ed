"""The process of ``contexts.py``: one agent process that sees many rooms, told line by line what to do."""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import random
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import psutil
import structlog

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from sightline import subjects
from sightline.bus import Bus
from sightline.config import BusSettings
from sightline.embedded import tethered
from sightline.messages import Caption, Track
from sightline_agent.eyes import Eyes
from sightline_agent.look import look
from sightline_agent.settings import AgentSettings

SEEN_SECONDS = 120
BETWEEN = 20
"""Lookups in a row, before the feeds may go on."""

LINE_BYTES = 2**24
AGE = 3600.0
"""Seconds; what was published as the benchmark began is still shown at its end."""


class AgentProcess:
    """A process that runs until the end of ``agent``."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def does(self, what: str, **how: Any) -> Any:
        """Have it do what a method of ``Seeing`` does, and return what that returns.

        Raises:
            RuntimeError: It ended; what it logged is on stderr.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"what": what, **how}).encode() + b"\n")
        line = await self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the agent's process ended as it was to {what}")
        return json.loads(line)


@asynccontextmanager
async def agent(url: str) -> AsyncIterator[AgentProcess]:
    """An agent process on this bus, which sees no room yet."""
    process = await asyncio.create_subprocess_exec(
        *tethered(sys.executable, __file__, url),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=LINE_BYTES,
    )
    try:
        yield AgentProcess(process)
    finally:
        assert process.stdin is not None
        process.stdin.close()
        await process.wait()


class Seeing:
    """The eyes of this process, and what is measured of them. Its public methods are what it can be told."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._settings = AgentSettings(mode="captions", max_caption_age=AGE)
        self._eyes: list[Eyes] = []
        self._random = random.Random(11)

    async def open(self, rooms: list[str]) -> None:
        """Open eyes in these rooms, too."""
        for room in rooms:
            eyes = Eyes(room, self._settings, self._bus)
            eyes.start()
            self._eyes.append(eyes)

    async def see(self, captions: int) -> None:
        """Wait until so many captions are in view in each room."""
        async with asyncio.timeout(SEEN_SECONDS):
            for eyes in self._eyes:
                while len(eyes.context.describe(eyes.now())) < captions:
                    await eyes.changes.after(eyes.changes.version)

    async def memory(self) -> int:
        """Bytes that this process alone has."""
        gc.collect()
        return int(psutil.Process().memory_full_info().uss)

    async def look(self, turns: int, speaker: str) -> dict[str, list[float]]:
        """What turns in rooms at random wait for: a lookup, from memory to the text for the model.

        Returns:
            ``clock``: seconds by the clock; ``cpu``: of this thread's time.
        """
        clock, cpu = [], []
        for turn in range(turns):
            eyes = self._random.choice(self._eyes)
            began, worked = time.perf_counter(), time.thread_time()
            seen = look(eyes.context, eyes.now(), self._settings, speaker)
            cpu.append(time.thread_time() - worked)
            clock.append(time.perf_counter() - began)
            if not seen.shown:
                raise RuntimeError(f"expected a view of {eyes.room}, nothing was shown")
            if turn % BETWEEN == 0:
                await asyncio.sleep(0)  # the feeds go on
        return {"clock": clock, "cpu": cpu}

    async def ask(self, turns: int, tracks: list[dict[str, str]], stage: str) -> dict[str, list[float]]:
        """The same without a context: the newest caption of each track, asked of the bus at the turn."""
        clock = []
        for _ in range(turns):
            room = self._random.choice(self._eyes).room
            wanted = [subjects.caption(Track(room=room, **track), stage) for track in tracks]
            began = time.perf_counter()
            found = await asyncio.gather(*(self._bus.newest(Caption, each) for each in wanted))
            clock.append(time.perf_counter() - began)
            if None in found:
                raise RuntimeError(f"expected captions of {room} on the bus")
        return {"clock": clock}

    async def idle(self, seconds: float) -> float:
        """How many cores it keeps busy while nothing happens in its rooms."""
        began, at = time.process_time(), time.monotonic()
        await asyncio.sleep(seconds)
        return (time.process_time() - began) / (time.monotonic() - at)


async def serve(url: str) -> None:
    """Do what each line says, and answer with a line."""
    answers, sys.stdout = sys.stdout, sys.stderr  # what is logged is no answer
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    commands = asyncio.StreamReader(LINE_BYTES)
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(commands), sys.stdin
    )
    async with Bus.open(BusSettings(url=url), name="agent") as bus:
        seeing = Seeing(bus)
        while line := await commands.readline():
            how = json.loads(line)
            print(json.dumps(await getattr(seeing, how.pop("what"))(**how)), file=answers, flush=True)


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1]))
