"""One video publication: received as much as its sampler demands, and no more.

| demand                            | what is done                              | of one core, 720p |
|-----------------------------------|-------------------------------------------|-------------------|
| nobody wants pictures             | not subscribed                            | nothing           |
| often, or a smaller layer will do | subscribed, to the smallest layer of use  | 4 % to 17 %       |
| seldom, and the largest is wanted | subscribed, paused after each picture     | 2 % (every 3 s)   |
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from enum import Enum, auto

from livekit import rtc

from sightline.log import get_logger
from sightline.messages import Source
from sightline_ingest.sampler import Demand, TrackSampler
from sightline_ingest.subscription import Quality, Subscription

log = get_logger()

PEEK_INTERVAL = 2.0
"""Seconds between pictures from which on pausing after each is cheaper than receiving all."""
SETTLE_SECONDS = 1.0
"""After a pause, before another layer is asked for."""
ARRIVAL_SECONDS = 5.0
"""After so long without the track, or its first picture, the subscription is asked for again."""

_LAYERS = (
    (rtc.VideoQuality.VIDEO_QUALITY_LOW, 4),
    (rtc.VideoQuality.VIDEO_QUALITY_MEDIUM, 2),
)


class Mode(Enum):
    OFF = auto()
    WATCH = auto()
    PEEK = auto()


@dataclass(frozen=True, slots=True)
class Plan:
    """How a publication is received; ``quality`` is its simulcast layer, None where there is only one."""

    mode: Mode
    quality: Quality | None = None


def plan(demand: Demand, width: int, simulcasted: bool, layer_share: float = 1.0) -> Plan:
    """How to meet a demand at the least cost.

    Args:
        demand: What the sampler wants.
        width: Of the publication, in pixels; 0: not known.
        simulcasted: Whether there are smaller layers of it.
        layer_share: Part of the wanted width that will do while pictures are wanted often.
    """
    if demand.interval is None:
        return Plan(Mode.OFF)
    quality = _quality(demand.width, width) if simulcasted else None
    if demand.interval >= PEEK_INTERVAL:
        is_full = quality in (None, rtc.VideoQuality.VIDEO_QUALITY_HIGH)
        return Plan(Mode.PEEK if is_full else Mode.WATCH, quality)
    return Plan(Mode.WATCH, _quality(demand.width * layer_share, width) if simulcasted else None)


def _quality(wanted: float, width: int) -> Quality:
    """The smallest layer that is wide enough. Publishers halve and quarter, or stay above that."""
    for quality, divisor in _LAYERS:
        if width // divisor >= wanted:
            return quality
    return rtc.VideoQuality.VIDEO_QUALITY_HIGH


class TrackSession:
    """One publication and its sampler, from appearing to gone."""

    def __init__(self, sampler: TrackSampler, subscription: Subscription, layer_share: float) -> None:
        """Args: layer_share: As ``plan`` has it; of a screen, whose text is small, the whole is taken."""
        self.publication = subscription.publication
        self._layer_share = 1.0 if sampler.track.source is Source.SCREEN else layer_share
        self.sampler = sampler
        self.subscription = subscription
        self._opening = 0.0

    async def run(self) -> None:
        """Receive and sample, for ever; cancel to stop. Leaves nothing open."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self.sampler.run())
                tasks.create_task(self._follow())
        finally:
            await self.subscription.close()

    async def _follow(self) -> None:
        while True:
            demand = self.sampler.demand
            publication = self.publication
            wanted = plan(demand, publication.width, publication.simulcasted, self._layer_share)
            if wanted.mode is Mode.OFF:
                await self.subscription.close()
                await self._changed(demand)
            elif wanted.mode is Mode.WATCH:
                await self._watch(demand, wanted)
            else:
                await self._peek(demand, wanted)

    async def _watch(self, demand: Demand, wanted: Plan) -> None:
        if self.subscription.paused and wanted.quality != self.subscription.quality:
            # Two settings of one track at once could overtake each other. The first picture comes as it
            # was, sharp and at once, for whoever asked; which is all there is to do where that was all.
            self.subscription.open(self.subscription.quality)
            if await self._changed(demand, SETTLE_SECONDS):
                return
        self.subscription.open(wanted.quality)
        arrived = self.subscription.live
        changed = await self._changed(demand, None if arrived else ARRIVAL_SECONDS)
        if not changed and not self.subscription.live:
            await self._renew()

    async def _peek(self, demand: Demand, wanted: Plan) -> None:
        """Take one picture, then wait for the time of the next."""
        assert demand.interval is not None
        opened_at = time.monotonic()
        self.subscription.open(wanted.quality)
        picture = asyncio.create_task(self.subscription.picture())
        changed = asyncio.create_task(self.sampler.demand_changed(demand))
        try:
            await asyncio.wait(
                {picture, changed}, timeout=ARRIVAL_SECONDS, return_when=asyncio.FIRST_COMPLETED
            )
            if changed.done():
                return
            if picture.done():
                self._opening = time.monotonic() - opened_at
                await self.subscription.pause()
            else:
                await self.subscription.close()
            # The next picture takes its time to come, too.
            await asyncio.wait({changed}, timeout=max(0.0, demand.interval - self._opening))
        finally:
            for task in (picture, changed):
                task.cancel()
            await asyncio.gather(picture, changed, return_exceptions=True)

    async def _changed(self, demand: Demand, timeout: float | None = None) -> bool:
        """Whether the demand changed within ``timeout`` seconds."""
        try:
            async with asyncio.timeout(timeout):
                await self.sampler.demand_changed(demand)
        except TimeoutError:
            return False
        return True

    async def _renew(self) -> None:
        log.debug("track_did_not_come", source=self.sampler.track.source)
        await self.subscription.close()
