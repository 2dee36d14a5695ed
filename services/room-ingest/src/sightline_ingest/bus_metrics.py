"""What nobody else on the bus tells: how full its streams are, and how many rooms wait for a replica."""

from __future__ import annotations

import asyncio
import random

from prometheus_client import Gauge

from sightline import topology
from sightline.bus import Bus
from sightline.errors import SightlineError
from sightline.log import get_logger
from sightline.metrics import STREAM_BYTES, STREAM_MAX_BYTES, STREAM_MESSAGES

log = get_logger()

ROOMS_WAITING = Gauge("sightline_rooms_waiting", "Rooms that want eyes and that no replica has taken.")
ROOMS_HELD = Gauge("sightline_rooms_held", "Leases of rooms that are out, of all replicas.")

EVERY = 10.0
"""Seconds, about: every replica asks."""


async def watch_bus(bus: Bus) -> None:
    """Keep the gauges right, for ever; cancel to stop."""
    while True:
        try:
            await _look(bus)
        except SightlineError as error:
            # The last numbers stay: what a full disk held still is on it. An absent bus shows elsewhere.
            log.debug("bus_not_measured", reason=str(error))
        await asyncio.sleep(EVERY * random.uniform(0.8, 1.2))


async def _look(bus: Bus) -> None:
    for stream in topology.STREAMS:
        held = await bus.stores.held(stream)
        STREAM_MESSAGES.labels(stream.name).set(held.messages)
        STREAM_BYTES.labels(stream.name).set(held.bytes)
        STREAM_MAX_BYTES.labels(stream.name).set(held.max_bytes)
    rooms = await bus.lag(topology.ROOM_QUEUE)
    ROOMS_WAITING.set(rooms.waiting)
    ROOMS_HELD.set(rooms.in_progress)
