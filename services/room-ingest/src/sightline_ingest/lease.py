"""The right to sample one room, for as long as the bus confirms it.

The bus gives a room to another replica ``ACK_WAIT`` seconds after it last heard of this one. A
replica that was frozen, or cut off, cannot know what happened meanwhile: so it counts by itself, a
little faster, and its right ends before the other's begins. Nobody has to tell it.
"""

from __future__ import annotations

import asyncio
import time
from typing import Protocol

from sightline.errors import SightlineError
from sightline.log import get_logger
from sightline.topology import ACK_WAIT

log = get_logger()

KEEP_SECONDS = 1.5
RETRY_SECONDS = 0.3
LAPSE_SECONDS = ACK_WAIT - 0.5
SETTLE_TRIES = 3


class Keepable(Protocol):
    """What a lease is made of: ``sightline.bus.queue.Taken``."""

    async def keep(self) -> None: ...
    async def done(self) -> None: ...
    async def retry(self, delay: float = 0.0) -> None: ...


class Lease:
    """One room's lease."""

    def __init__(self, taken: Keepable, asked_at: float) -> None:
        """
        Args:
            taken: The room's message.
            asked_at: ``time.monotonic`` before the bus was asked for it. Not when it came: it may have
                lain here while this process was frozen.
        """
        self._taken = taken
        self._confirmed_at = asked_at

    @property
    def held(self) -> bool:
        """Whether nobody else can have this room. Asked before each frame, so cheap."""
        return time.monotonic() - self._confirmed_at < LAPSE_SECONDS

    async def keep(self) -> None:
        """Keep it; returns when it has lapsed."""
        while self.held:
            pause = KEEP_SECONDS
            asked_at = time.monotonic()
            try:
                async with asyncio.timeout(self._confirmed_at + LAPSE_SECONDS - asked_at):
                    await self._taken.keep()
                if self.held:
                    self._confirmed_at = asked_at
            except TimeoutError:
                return
            except SightlineError as error:
                log.debug("lease_not_confirmed", reason=str(error))
                pause = RETRY_SECONDS
            await asyncio.sleep(min(pause, max(0.0, self._confirmed_at + LAPSE_SECONDS - time.monotonic())))

    async def finish(self) -> None:
        """The room is over: nobody has to take it."""
        for _ in range(SETTLE_TRIES):
            try:
                if self.held:
                    await self._taken.done()
                return
            except SightlineError as error:
                log.debug("lease_not_finished", reason=str(error))
                await asyncio.sleep(RETRY_SECONDS)

    async def hand_back(self, delay: float = 0.0) -> None:
        """Somebody else shall have the room, in ``delay`` seconds. Not said of a lapsed lease: the room
        may be somebody's already, and would be taken from them."""
        if self.held:
            try:
                await self._taken.retry(delay)
            except SightlineError as error:
                log.debug("lease_not_handed_back", reason=str(error))
