"""Which stages run now, and what each wants of the sources.

Every replica says so again and again; a stage whose replicas are all gone is forgotten by itself.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from datetime import timedelta
from types import MappingProxyType
from typing import ClassVar

from pydantic import Field

from sightline import subjects
from sightline.bus import Bus, Received
from sightline.changes import Changes
from sightline.errors import BusError, NotPermittedError
from sightline.log import get_logger
from sightline.messages import Message
from sightline.topology import STAGE_TTL, STAGES
from sightline.wire import Stage
from sightline.worker import StageWants

log = get_logger()

ANNOUNCE_SECONDS = STAGE_TTL / 3


class StageEntry(Message):
    """A stage is running, and wants this."""

    TYPE: ClassVar[str] = "sightline.stage.v1"

    stage: Stage = Field(min_length=1)
    wants: StageWants

    @property
    def subject(self) -> str:
        return subjects.stage_key(self.stage)


async def announce(bus: Bus, entry: StageEntry) -> None:
    """Say for ever that a stage is running; cancel to stop."""
    while True:
        try:
            await bus.publish(entry)
        except (BusError, NotPermittedError) as error:
            log.debug("stage_not_announced", stage=entry.stage, reason=str(error))
        version, generation = bus.changes.version, bus.generation
        try:
            async with asyncio.timeout(ANNOUNCE_SECONDS):
                # At once after a reconnect: the memory stream may have lost it.
                while bus.generation == generation:
                    version = await bus.changes.after(version)
        except TimeoutError:
            continue


class StageRegistry:
    """The running stages, as a source sees them."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._seen: dict[str, Received[StageEntry]] = {}
        self._wants: dict[str, StageWants] = {}
        self._changes = Changes()

    @property
    def wants(self) -> Mapping[str, StageWants]:
        """Stage -> what it wants."""
        return MappingProxyType(self._wants)

    @property
    def version(self) -> int:
        """Grows with each change of ``wants``."""
        return self._changes.version

    async def changed(self, version: int) -> int:
        """The version, once it is later than ``version``."""
        return await self._changes.after(version)

    async def run(self) -> None:
        """Follow the registrations, for ever; cancel to stop."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._expire())
            async for received in self._bus.feed(STAGES, STAGES.subjects[0], (StageEntry,)):
                self._seen[received.message.stage] = received
                self._tell({**self._wants, received.message.stage: received.message.wants})

    async def _expire(self) -> None:
        # Not by the bus's clock, which jumps when it is first read.
        back = time.monotonic()
        while True:
            await asyncio.sleep(1)
            if not self._bus.ready:
                back = time.monotonic()
            # While the bus was away nobody could say that it is alive: nothing is known to be gone.
            elif time.monotonic() - back > STAGE_TTL:
                self._forget()

    def _forget(self) -> None:
        oldest = self._bus.now() - timedelta(seconds=STAGE_TTL)
        self._seen = {stage: entry for stage, entry in self._seen.items() if entry.at > oldest}
        self._tell({stage: entry.message.wants for stage, entry in self._seen.items()})

    def _tell(self, wants: dict[str, StageWants]) -> None:
        if wants != self._wants:
            self._wants = wants
            self._changes.tell()
