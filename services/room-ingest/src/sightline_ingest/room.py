"""One room's session: waits for the room, stays in it, comes back when the connection was lost."""

from __future__ import annotations

import asyncio
import random
import time

from sightline.log import get_logger
from sightline_ingest.leases import Outcome
from sightline_ingest.livekit_server import LiveKitError, LiveKitServer
from sightline_ingest.room_settings import RoomSettings
from sightline_ingest.room_tracks import Sampling
from sightline_ingest.visit import End, Visit

log = get_logger()

LOOK_SECONDS = 1.0
"""Between two looks for a room that is not there yet."""
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 15.0


class RoomSession:
    """A room, for as long as this replica has its lease."""

    def __init__(self, room: str, server: LiveKitServer, settings: RoomSettings, sampling: Sampling) -> None:
        self._room = room
        self._server = server
        self._settings = settings
        self._sampling = sampling
        self._pause = FIRST_PAUSE

    async def run(self) -> Outcome:
        """Sample the room until it is over. Cancel it to leave at once."""
        try:
            while True:
                end = await self._try()
                if end is End.OVER:
                    return Outcome.OVER
                if end is End.EVICTED:
                    log.warning(
                        "evicted", reason="somebody joined under INGEST_IDENTITY, another replica most likely"
                    )
                    return Outcome.EVICTED
                await asyncio.sleep(self._pause * random.uniform(0.5, 1))
                self._pause = min(self._pause * 2, LONGEST_PAUSE)
        finally:
            await self._sampling.control.close()

    async def _try(self) -> End:
        try:
            if not await self._appears():
                return End.OVER
            visit = Visit(self._room, self._server, self._settings, self._sampling)
            begun = time.monotonic()
            end = await visit.stay()
        except LiveKitError as error:
            log.warning("room_not_joined", reason=str(error), pause=round(self._pause, 1))
            return End.LOST
        if time.monotonic() - begun > LONGEST_PAUSE:
            self._pause = FIRST_PAUSE
        return end

    async def _appears(self) -> bool:
        """Whether the room exists within the grace.

        Joining a room that is not there would make it, and the settings that its first participant
        brings in their token, agents to dispatch among them, would count for nothing.

        Raises:
            LiveKitError: LiveKit does not answer.
        """
        deadline = time.monotonic() + self._settings.empty_grace
        while self._room not in await self._server.rooms(self._room):
            if time.monotonic() >= deadline:
                return False
            await asyncio.sleep(LOOK_SECONDS)
        return True
