"""A publisher that falls silent with the lease of its room."""

from __future__ import annotations

from collections.abc import Iterable

from sightline.bus import Bus
from sightline.errors import BusError
from sightline.messages import Frame, Track
from sightline.sampling.publisher import Publisher
from sightline.stages import StageRegistry
from sightline_ingest.lease import Lease


class FencedPublisher(Publisher):
    """Publishes one room's frames, while nobody else can have the room.

    The samplers stop a moment after the lease has lapsed; a process that was frozen wakes in the
    middle of anything. Here is the last place to notice.
    """

    def __init__(self, bus: Bus, stages: StageRegistry, lease: Lease) -> None:
        super().__init__(bus, stages)
        self._lease = lease

    @property
    def ready(self) -> bool:
        return self._lease.held and super().ready

    async def publish(self, frame: Frame, stages: Iterable[str]) -> frozenset[str]:
        """Raises BusError, too, when the lease has lapsed."""
        self._check()
        return await super().publish(frame, stages)

    async def end(self, track: Track, sequence: int) -> None:
        """Raises BusError, too, when the lease has lapsed."""
        self._check()
        await super().end(track, sequence)

    def _check(self) -> None:
        if not self._lease.held:
            raise BusError("the lease of this room has lapsed: another replica may be sampling it")
