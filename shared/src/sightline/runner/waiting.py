"""How many tracks wait for a stage, as a number to scale by."""

from __future__ import annotations

import asyncio
import random

from sightline.bus import Bus
from sightline.errors import SightlineError
from sightline.log import get_logger
from sightline.messages import Lane
from sightline.metrics import TRACKS_WAITING
from sightline.topology import lane_queue

log = get_logger()

EVERY = 5.0
"""Seconds, about: every replica asks."""


async def watch_waiting(bus: Bus, stage: str) -> None:
    """Keep the gauge right, for ever; cancel to stop. While nobody knows it is not there."""
    try:
        while True:
            for lane in Lane:
                await _look(bus, stage, lane)
            await asyncio.sleep(EVERY * random.uniform(0.8, 1.2))
    finally:
        for lane in Lane:
            TRACKS_WAITING.remove(stage, lane)


async def _look(bus: Bus, stage: str, lane: Lane) -> None:
    try:
        lag = await bus.lag(lane_queue(stage, lane))
    except SightlineError as error:
        # An old number would scale a stage that has nothing to do, or none that has.
        log.debug("waiting_not_known", stage=stage, reason=str(error))
        TRACKS_WAITING.remove(stage, lane)
    else:
        TRACKS_WAITING.labels(stage, lane).set(lag.waiting + lag.in_progress)
