"""``INGEST_ROOMS=all``: every room with somebody in it is announced, without any agent.

The list of rooms is asked for every few seconds; webhooks, where LiveKit sends them here, only make
it faster. Announcing a room that is taken already is refused by the bus, and no error.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import Callable, Collection

from sightline.bus import Bus
from sightline.errors import SightlineError
from sightline.log import get_logger
from sightline.messages import RoomWanted
from sightline_ingest.livekit_server import LiveKitError, LiveKitServer

log = get_logger()

RENEW_SECONDS = 15.0
"""A room that was announced is announced again only after so long: somebody most likely has it."""


class AllRooms:
    """Announces the rooms of one LiveKit server."""

    def __init__(
        self, bus: Bus, server: LiveKitServer, held: Callable[[], Collection[str]], interval: float
    ) -> None:
        """
        Args:
            held: The rooms that this replica samples.
            interval: Seconds between two looks at the list of rooms.
        """
        self._bus = bus
        self._server = server
        self._held = held
        self._interval = interval
        self._announced: dict[str, float] = {}

    async def run(self) -> None:
        """Announce, for ever. Survives LiveKit and the bus."""
        while True:
            # LiveKit's health tells what is wrong with it.
            with contextlib.suppress(LiveKitError):
                await self._look()
            await asyncio.sleep(self._interval * random.uniform(0.8, 1.2))

    async def announce(self, room: str) -> None:
        """Say that a room wants eyes.

        Raises:
            SightlineError: The bus does not take it.
        """
        if await self._bus.offer(RoomWanted(room=room, requested_by="room-ingest")):
            log.debug("room_announced", room=room)
        self._announced[room] = time.monotonic()

    async def _look(self) -> None:
        rooms = await self._server.rooms()
        now, held = time.monotonic(), self._held()
        self._announced = {room: at for room, at in self._announced.items() if room in rooms}
        for room, people in rooms.items():
            if room in held:
                self._announced[room] = now
            elif self._is_due(room, people, now):
                try:
                    await self.announce(room)
                except SightlineError as error:
                    log.debug("room_not_announced", reason=str(error))

    def _is_due(self, room: str, people: int, now: float) -> bool:
        announced = self._announced.get(room)
        if announced is None:
            # LiveKit counts people seconds late: a room that is new has somebody in it most likely.
            return True
        return people > 0 and now - announced >= RENEW_SECONDS
