"""How long an event loop stood still, and when."""

from __future__ import annotations

import asyncio
import time
from collections import deque

TICK = 0.005
"""Seconds."""


class Ticker:
    """A task that wants to run every five milliseconds and notes when it did."""

    def __init__(self) -> None:
        self._waiting: set[asyncio.Future[None]] = set()
        self._gaps: deque[tuple[float, float]] = deque(maxlen=round(60 / TICK))
        self._task = asyncio.create_task(self._tick())

    def longest(self, since: float, until: float) -> float:
        """Seconds of the longest gap between two ticks, as far as it lies between these times."""
        inside = (min(end, until) - max(begin, since) for begin, end in reversed(self._gaps))
        return max(inside, default=0.0)

    async def ticked_after(self, moment: float) -> None:
        """Wait until there was a tick after this time."""
        while not self._gaps or self._gaps[-1][1] < moment:
            tick = asyncio.get_running_loop().create_future()
            self._waiting.add(tick)
            await tick

    async def stop(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _tick(self) -> None:
        last = time.monotonic()
        while True:
            await asyncio.sleep(TICK)
            now = time.monotonic()
            self._gaps.append((last, now))
            last = now
            while self._waiting:
                self._waiting.pop().set_result(None)
