"""How long an event loop stood still, and when."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from typing import NamedTuple

TICK = 0.005
"""Seconds."""


class Gap(NamedTuple):
    """Between two ticks, on the monotonic clock; ``busy`` is the CPU time of the loop's thread in it."""

    began: float
    ended: float
    busy: float


class Ticker:
    """A task that wants to run every five milliseconds and notes when it did."""

    def __init__(self) -> None:
        self._waiting: set[asyncio.Future[None]] = set()
        self._gaps: deque[Gap] = deque(maxlen=round(60 / TICK))
        self._task = asyncio.create_task(self._tick())

    def longest(self, since: float, until: float) -> tuple[float, float]:
        """The longest gap between two ticks that begins between these times.

        Returns:
            Its seconds as far as it lies between them, and for how many of all of it the loop was busy.
        """
        inside = (
            (min(gap.ended, until) - gap.began, gap.busy) for gap in self._gaps if since <= gap.began < until
        )
        return max(inside, default=(0.0, 0.0))

    async def ticked_after(self, moment: float) -> None:
        """Wait until there was a tick after this time."""
        while not self._gaps or self._gaps[-1].ended < moment:
            tick = asyncio.get_running_loop().create_future()
            self._waiting.add(tick)
            await tick

    async def stop(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _tick(self) -> None:
        last, worked = time.monotonic(), time.thread_time()
        while True:
            await asyncio.sleep(TICK)
            now, work = time.monotonic(), time.thread_time()
            self._gaps.append(Gap(last, now, work - worked))
            last, worked = now, work
            while self._waiting:
                self._waiting.pop().set_result(None)
