"""Starts what takes part, and tells what it costs."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from sightline.embedded import tethered
from support.livekit_server import LiveKitServer

START_SECONDS = 180
BENCHMARKS = Path(__file__).parents[1]
MEGABYTE = 1_000_000


@dataclass(frozen=True, slots=True)
class Cameras:
    """What is published in each room.

    Attributes:
        rooms: Their names.
        simulcast: In three layers.
        fps: Pictures a second, of 1280 × 720.
    """

    rooms: tuple[str, ...]
    simulcast: bool
    fps: int


@asynccontextmanager
async def publishing(livekit: LiveKitServer, cameras: Cameras) -> AsyncIterator[None]:
    """Rooms with a camera in each, for as long as the block runs."""
    async with _running(livekit, "rooms.publisher", cameras.rooms) as process:
        await _tell(process, json.dumps({"simulcast": cameras.simulcast, "fps": cameras.fps}))
        await _ready(process)
        yield


class Watchers:
    """A process for each room that watches it the usual way."""

    def __init__(self, processes: list[Process]) -> None:
        self._processes = processes

    @property
    def pids(self) -> list[int]:
        return [each.pid for each in self._processes]

    async def every(self, seconds: float) -> None:
        """How often they convert a frame from now on."""
        for each in self._processes:
            await _tell(each, str(seconds))


@asynccontextmanager
async def watching(livekit: LiveKitServer, rooms: Iterable[str], width: int) -> AsyncIterator[Watchers]:
    """Watchers of these rooms, once each has had a frame; they convert one every three seconds."""
    async with AsyncExitStack() as stack:
        processes = [
            await stack.enter_async_context(_running(livekit, "rooms.watcher", (room, str(width))))
            for room in rooms
        ]
        await asyncio.gather(*(_ready(each) for each in processes))
        yield Watchers(processes)


def cpu_seconds(pids: Iterable[int]) -> float:
    """Of processor time that these processes have used so far."""
    times = [psutil.Process(pid).cpu_times() for pid in pids]
    return sum(each.user + each.system for each in times)


def megabytes(pids: Iterable[int]) -> float:
    """Of memory that only these processes use: what would be free without them."""
    return sum(psutil.Process(pid).memory_full_info().uss for pid in pids) / MEGABYTE


@asynccontextmanager
async def _running(livekit: LiveKitServer, program: str, arguments: Sequence[str]) -> AsyncIterator[Process]:
    environment = os.environ | {
        "LIVEKIT_URL": livekit.url,
        "LIVEKIT_API_KEY": livekit.api_key,
        "LIVEKIT_API_SECRET": livekit.api_secret,
    }
    command = tethered(sys.executable, "-m", program, *arguments)
    process = await asyncio.create_subprocess_exec(
        *command, env=environment, cwd=BENCHMARKS, stdin=PIPE, stdout=PIPE
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def _tell(process: Process, line: str) -> None:
    assert process.stdin is not None
    process.stdin.write(f"{line}\n".encode())
    await process.stdin.drain()


async def _ready(process: Process) -> None:
    assert process.stdout is not None
    async with asyncio.timeout(START_SECONDS):
        said = await process.stdout.readline()
    if said.strip() != b"ready":
        raise RuntimeError(f"a process of the benchmark did not start: it said {said!r} instead of ready")
