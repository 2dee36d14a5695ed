"""What a demo has shown so far. Nothing here prints."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from sightline.bus import Bus, Lag
from sightline.cli.records import Sight
from sightline.errors import BusError
from sightline.messages import Caption, EncodedImage, FrameInfo, Lane
from sightline.topology import lane_queue
from sightline.turns import TurnRecord

REMEMBERED = 5_000
"""Messages whose repetition is noticed: after the loss of NATS, streams show what they hold again."""


@dataclass(slots=True)
class Story:
    """Counts, and the newest of everything.

    Attributes:
        lag: Stage -> tracks waiting and in progress, both lanes together.
    """

    frames: int = 0
    captions: int = 0
    images: int = 0
    newest_frames: dict[str, FrameInfo] = field(default_factory=dict)
    newest_captions: deque[Caption] = field(default_factory=lambda: deque(maxlen=8))
    newest_images: dict[str, EncodedImage] = field(default_factory=dict)
    lag: dict[str, Lag] = field(default_factory=dict)
    notes: deque[str] = field(default_factory=lambda: deque(maxlen=4))
    turn: TurnRecord | None = None
    first_frame: asyncio.Event = field(default_factory=asyncio.Event)
    first_caption: asyncio.Event = field(default_factory=asyncio.Event)
    _known: dict[tuple[str, str], None] = field(default_factory=dict)

    def add(self, sight: Sight) -> bool:
        """Take in what was published.

        Returns:
            Whether it is news.
        """
        key = (sight.TYPE, sight.id)
        if key in self._known:
            return False
        self._known[key] = None
        if len(self._known) > REMEMBERED:
            del self._known[next(iter(self._known))]
        if isinstance(sight, Caption):
            self.captions += 1
            self.newest_captions.append(sight)
            self.first_caption.set()
        elif isinstance(sight, EncodedImage):
            self.images += 1
            self.newest_images[sight.profile] = sight
        elif isinstance(sight, FrameInfo):
            self.frames += 1
            self.newest_frames[sight.track.id] = sight
            self.first_frame.set()
        return True


async def measure_lag(bus: Bus, story: Story, stages: Sequence[str], every: float) -> None:
    """Keep ``story.lag`` current, until cancelled."""
    while True:
        for stage in stages:
            try:
                lanes = [await bus.lag(lane_queue(stage, lane)) for lane in Lane]
            except BusError:
                story.lag.pop(stage, None)
                continue
            story.lag[stage] = Lag(
                sum(each.waiting for each in lanes), sum(each.in_progress for each in lanes)
            )
        await asyncio.sleep(every)
