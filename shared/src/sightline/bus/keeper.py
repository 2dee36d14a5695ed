"""Keeps the bus usable: connects, brings streams back, reads the clock, and knows what is wrong."""

from __future__ import annotations

import asyncio
import contextlib

from sightline import topology
from sightline.bus.connection import Connection
from sightline.bus.ensure import drift, ensure_streams
from sightline.bus.jetstream import JetStream
from sightline.changes import Changes
from sightline.errors import BusClosedError, BusError, NotPermittedError, SightlineError, TopologyError
from sightline.log import get_logger
from sightline.metrics import BUS_RECONNECTS, BUS_UP

log = get_logger()

HEARTBEAT = 2.0
"""Seconds between JetStream requests. Liveness is such a request's success, not the client's flag:
nats-py can say `connected` with a dead read loop."""

REFUSED_PAUSE = 5.0


class Keeper:
    """The one task that looks after a connection.

    Attributes:
        generation: Grows when what lies in memory streams may be gone.
        ready: A JetStream request succeeded just now, and the streams are as they should be.
    """

    def __init__(self, connection: Connection, jetstream: JetStream, replicas: int, verify: bool) -> None:
        """
        Args:
            replicas: Copies of each stream.
            verify: Create and compare the streams; False for tools that only look.
        """
        self.generation = 0
        self.ready = False
        self.changes = Changes()
        self.refused: SightlineError | None = None
        self._problem = ""
        self._connection, self._jetstream = connection, jetstream
        self._replicas, self._verify = replicas, verify
        self._ensured = -1
        self._wake = asyncio.Event()
        self._broken = True

    @property
    def problem(self) -> str:
        """Why the bus is not ready; empty when it is."""
        return self._connection.problem or self._connection.denied or self._problem

    def repair(self) -> None:
        """A stream seems to be missing: look, soon."""
        self._broken = True
        self._wake.set()

    def connection_changed(self) -> None:
        """For the connection's callbacks."""
        self._wake.set()
        if not self._connection.connected or self._connection.denied:
            self._set_ready(False)
        self.changes.tell()

    async def run(self) -> None:
        """For ever, until the connection is closed for good."""
        self._problem = "connecting"
        await self._connection.connect()
        while not self._connection.closed.is_set():
            self._wake.clear()
            pause = await self._look()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._wake.wait()
        self._set_ready(False)

    async def _look(self) -> float:
        """One look at the bus. Returns the seconds until the next."""
        try:
            await self._ensure()
            await self._beat()
        except (TopologyError, NotPermittedError) as error:
            return self._refuse(error)
        except BusClosedError:
            return 0.0
        except BusError as error:
            self._broken = True
            self._problem = str(error)
            self._set_ready(False)
            return HEARTBEAT / 4
        self.refused, self._problem = None, ""
        self._set_ready(not self._connection.denied)
        return HEARTBEAT

    async def _ensure(self) -> None:
        reconnected = self._ensured != self._connection.reconnects
        if not self._verify or not (self._broken or reconnected):
            return
        self._broken = False
        connection_now, first = self._connection.reconnects, self._ensured < 0
        changes = await ensure_streams(self._jetstream, topology.streams(self._replicas), apply=False)
        if different := drift(changes):
            raise TopologyError(
                f"streams exist with other settings: {different}. `sightline init --apply` changes them"
            )
        created = [change.stream for change in changes if change.action == "created"]
        if created:
            log.info("streams_created", streams=created)
        self._ensured = connection_now
        if not first and (reconnected or created):
            BUS_RECONNECTS.inc()
            self.generation += 1
            self.changes.tell()

    async def _beat(self) -> None:
        if self._verify:
            await self._jetstream.heartbeat(topology.FRAMES.name)
        else:
            await self._jetstream.api("INFO")

    def _refuse(self, error: SightlineError) -> float:
        if str(error) != self._problem:
            log.error("bus_refused", reason=str(error))
        self.refused, self._problem, self._broken = error, str(error), True
        self._set_ready(False)
        return REFUSED_PAUSE

    def _set_ready(self, ready: bool) -> None:
        BUS_UP.set(ready)
        if self.ready != ready or self.refused:
            self.ready = ready
            self.changes.tell()
