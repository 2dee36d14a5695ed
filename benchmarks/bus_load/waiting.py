"""Sightline's replicas: a real runner each, around a worker that waits as long as a model takes."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack
from typing import ClassVar

from sightline.bus import Bus
from sightline.config import BusSettings
from sightline.messages import Caption, Frame
from sightline.runner import Runner
from sightline.worker import StageWants, VisionWorker

STAGE = "waiter"


class Waiter(VisionWorker):
    """Says when it was given a frame, after the time that a model takes."""

    decodes: ClassVar[bool] = False

    def __init__(self, name: str, seconds: float) -> None:
        self.wants = StageWants(max_fps=60.0)
        self.identity = "waiter"
        self._name, self._seconds = name, seconds

    async def process(self, frame: Frame) -> Caption:
        began = time.monotonic()
        if self._seconds:
            await asyncio.sleep(self._seconds)
        return Caption(text=repr(began), model=self._name)


async def serve(url: str, names: list[str], seconds: float, stack: AsyncExitStack) -> None:
    """Start a replica of each name; they end with the stack."""
    stopping = asyncio.Event()
    running = [asyncio.create_task(_replica(url, name, seconds, stopping)) for name in names]

    async def stop() -> None:
        stopping.set()
        await asyncio.gather(*running)

    stack.push_async_callback(stop)


async def _replica(url: str, name: str, seconds: float, stopping: asyncio.Event) -> None:
    async with Bus.open(BusSettings(url=url), name=name) as bus:
        await Runner(Waiter(name, seconds), STAGE, bus).run(stopping, grace=1.0)
