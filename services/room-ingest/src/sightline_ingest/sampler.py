"""One track: newest picture in, frames out."""

from __future__ import annotations

from typing import NamedTuple

from sightline.messages import FrameInfo, Track
from sightline.stages import StageRegistry
from sightline_ingest.picture import Picture
from sightline_ingest.publisher import Publisher
from sightline_ingest.settings import SamplingSettings


class Demand(NamedTuple):
    """What is wanted of a track now.

    Attributes:
        interval: Seconds between pictures; 0 while a capture waits for one; None: nobody wants any.
        width: Widest picture of use, in pixels.
    """

    interval: float | None
    width: int


class TrackSampler:
    """Samples one track. ``run`` it in a task; cancel that task, then ``end``."""

    def __init__(
        self, track: Track, publisher: Publisher, stages: StageRegistry, settings: SamplingSettings
    ) -> None:
        self.track = track

    @property
    def demand(self) -> Demand:
        """What is wanted of this track now."""
        raise NotImplementedError

    async def demand_changed(self, demand: Demand) -> Demand:
        """Wait until the demand is another. Only while ``run`` runs."""
        raise NotImplementedError

    async def run(self) -> None:
        """Look at pictures and publish frames, for ever; cancel to stop. Survives the bus."""
        raise NotImplementedError

    def show(self, picture: Picture) -> None:
        """Offer the newest picture; the one before it is dropped. Never blocks. On the loop's thread."""
        raise NotImplementedError

    def speak(self, speaking: bool) -> None:
        """The participant began or stopped to speak."""
        raise NotImplementedError

    async def capture(self, deadline: float) -> FrameInfo:
        """Publish a frame now.

        Args:
            deadline: Seconds after which nobody waits for it.

        Raises:
            CaptureError: No picture came, or could be published, in time.
        """
        raise NotImplementedError

    async def end(self) -> None:
        """The track is over: take its frame's place. Bounded, never raises. Cancel ``run`` first."""
        raise NotImplementedError
