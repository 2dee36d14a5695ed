"""The tracks that a replica which died left on the bus, and which have vanished from the room since.

Nobody saw them end, so they would stay in view until their frames have aged out of the bus.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection

from sightline import subjects, topology
from sightline.bus import Bus
from sightline.errors import SightlineError
from sightline.log import get_logger
from sightline.messages import FrameInfo, TrackEnded
from sightline.sampling.publisher import Publisher

log = get_logger()

OF_LIVEKIT = "TR_"
"""How LiveKit's ids of tracks begin. Others of the room are not ours: files that are played as somebody's
track, uploaded pictures."""

SECONDS = 2.0
"""That a room may have to wait for this."""


class Leftovers:
    """Those of one room.

    Args:
        publisher: Publishes their ends; only while the room is ours.
    """

    def __init__(self, bus: Bus, room: str, publisher: Publisher) -> None:
        self._bus = bus
        self._room = room
        self._publisher = publisher

    async def end(self, there: Collection[str]) -> None:
        """End them. Before this replica samples any track: ends and frames share a sequence.

        Bounded, and never raises: what is left then ages out of view, as ever.

        Args:
            there: Ids of the tracks that are in the room.
        """
        try:
            async with asyncio.timeout(SECONDS):
                left = [frame for frame in await self._in_view() if frame.track.id not in there]
                await asyncio.gather(*(self._publisher.end(each.track, each.sequence + 1) for each in left))
        except (SightlineError, TimeoutError) as error:
            log.debug("leftovers_not_ended", reason=repr(error))
            return
        if left:
            log.info("leftovers_ended", tracks=len(left))

    async def _in_view(self) -> list[FrameInfo]:
        """The newest frame of each track of LiveKit's that has not ended."""
        subject = subjects.room_frames(self._room)
        stored = self._bus.stored(topology.FRAMES, subject, (FrameInfo, TrackEnded), headers_only=True)
        newest = [received.message async for received in stored]
        return [
            each for each in newest if isinstance(each, FrameInfo) and each.track.id.startswith(OF_LIVEKIT)
        ]
