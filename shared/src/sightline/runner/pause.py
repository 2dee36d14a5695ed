"""A pause of all slots of a replica, because a model's owner asked for one."""

from __future__ import annotations

import asyncio
import time

from sightline.metrics import PAUSED


class Pause:
    """Until when nobody of this replica calls the model."""

    def __init__(self, stage: str) -> None:
        self._until = 0.0
        self._gauge = PAUSED.labels(stage)

    @property
    def seconds(self) -> float:
        """How long it still lasts; 0: no pause."""
        return max(0.0, self._until - time.monotonic())

    def extend(self, seconds: float) -> None:
        """Pause for this long from now, unless it lasts longer already."""
        self._until = max(self._until, time.monotonic() + seconds)

    async def over(self) -> None:
        """Wait for its end; several may have asked meanwhile."""
        while (seconds := self.seconds) > 0:
            self._gauge.set(1)
            await asyncio.sleep(seconds)
        self._gauge.set(0)
