"""The agents' process, as whoever started it sees it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sightline.embedded import tethered
from support.livekit_server import LiveKitServer

START_SECONDS = 240


@dataclass(frozen=True, slots=True)
class Turn:
    """As ``voice_turns.talk`` notes it; seconds.

    Attributes:
        seeing: That the agent's own code took on the way to its model, so that it knows what is in view.
        stall: The longest gap of the ticker from when the user began to speak until that was done.
    """

    room: str
    began: float
    ended: float
    requested: float
    seeing: float
    stall: float


class AgentProcess:
    """The process of ``voice_turns.agent``.

    Attributes:
        turns: Those that it told of, since they were taken last.
    """

    def __init__(self, process: Process) -> None:
        self._process = process
        self._reading = asyncio.create_task(self._read())
        self.turns: list[Turn] = []
        self._told = asyncio.Condition()
        self._ready = self._driven = False

    async def ready(self) -> None:
        await self._until(lambda: self._ready, START_SECONDS)

    async def drive(self, rooms: Sequence[str], turns: int, speech: float) -> list[Turn]:
        """So many turns in each of these rooms; returns them."""
        self.turns.clear()
        self._driven = False
        assert self._process.stdin is not None
        wanted = {"rooms": list(rooms), "turns": turns, "speech": speech}
        self._process.stdin.write(json.dumps(wanted).encode() + b"\n")
        await self._until(lambda: self._driven, START_SECONDS + turns * (speech + 2))
        return list(self.turns)

    async def told(self, count: int) -> None:
        """Wait until it has told of so many turns."""
        await self._until(lambda: len(self.turns) >= count, START_SECONDS)

    async def stop(self) -> None:
        if self._process.returncode is None:
            assert self._process.stdin is not None
            self._process.stdin.close()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._process.wait(), 15)
        if self._process.returncode is None:
            self._process.kill()
            await self._process.wait()
        await self._reading

    async def _until(self, condition: object, seconds: float) -> None:
        assert callable(condition)
        async with asyncio.timeout(seconds), self._told:
            await self._told.wait_for(lambda: condition() or self._process.returncode is not None)
        if not condition():
            raise RuntimeError("the process of the agents has ended: see what it wrote above")

    async def _read(self) -> None:
        assert self._process.stdout is not None
        try:
            async for line in self._process.stdout:
                self._take(json.loads(line))
                async with self._told:
                    self._told.notify_all()
        finally:
            async with self._told:
                self._told.notify_all()

    def _take(self, told: dict[str, Any]) -> None:
        if "room" in told:
            self.turns.append(Turn(**told))
        self._ready |= told.get("ready", False)
        self._driven |= told.get("driven", False)


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Where the models are, and NATS and LiveKit."""

    livekit: LiveKitServer
    nats: str
    models: str
    moondream: str
    speech: str


@contextlib.asynccontextmanager
async def agents(rooms: Sequence[str], at: Endpoints) -> AsyncIterator[AgentProcess]:
    """The process of the agents of these rooms, ready for turns."""
    livekit = at.livekit
    command = [
        sys.executable,
        "-m",
        "voice_turns.agent",
        *rooms,
        "--models",
        at.models,
        "--speech",
        at.speech,
    ]
    command += ["--moondream", at.moondream, "--livekit", livekit.url, livekit.api_key, livekit.api_secret]
    environment = os.environ | {"NATS_URL": at.nats, "PYTHONPATH": str(Path(__file__).parents[1])}
    process = await asyncio.create_subprocess_exec(
        *tethered(*command), env=environment, stdin=PIPE, stdout=PIPE
    )
    agent = AgentProcess(process)
    try:
        await agent.ready()
        yield agent
    finally:
        await agent.stop()
