"""How often a realtime model is shown something: more often while the user speaks."""

from __future__ import annotations

import time
from collections.abc import Callable

from sightline_agent.realtime.settings import RealtimeSettings


class Pace:
    """Once a second while the user speaks, once in three seconds otherwise: room-ingest's own rates.

    Args:
        settings: Both rates.
        clock: Seconds, from any beginning.
    """

    def __init__(self, settings: RealtimeSettings, clock: Callable[[], float] = time.monotonic) -> None:
        self._settings = settings
        self._clock = clock
        self._last: float | None = None

    def wait(self, speaking: bool) -> float:
        """Seconds until the next one is due; 0: now, as the very first is."""
        if self._last is None:
            return 0.0
        interval = 1 / self._settings.speaking_fps if speaking else self._settings.idle_interval
        return max(0.0, self._last + interval - self._clock())

    def due(self, speaking: bool) -> bool:
        """Whether it is time for the next one."""
        return self.wait(speaking) == 0

    def mark(self) -> None:
        """One is shown now."""
        self._last = self._clock()
