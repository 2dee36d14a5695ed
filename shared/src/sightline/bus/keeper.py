"""Keeps the bus usable: connects, brings streams back, reads the clock, and knows what is wrong."""

from __future__ import annotations

import asyncio
import contextlib

from sightline import topology
from sightline.bus.connection import Connection, NobodyListensError
from sightline.bus.ensure import drift, ensure_streams
from sightline.bus.jetstream import ApiError, JetStream
from sightline.changes import Changes
from sightline.errors import (
    BusClosedError,
    BusError,
    NotPermittedError,
    SettingsError,
    SightlineError,
    TopologyError,
)
from sightline.log import get_logger
from sightline.metrics import BUS_RECONNECTS, BUS_UP

log = get_logger()

HEARTBEAT = 2.0
"""Seconds between JetStream requests. Liveness is such a request's success, not the client's flag:
nats-py can say `connected` with a dead read loop."""

REFUSED_PAUSE = 5.0
DENIED_PAUSE = 10.0
"""Seconds until a missing right is asked for again, on another connection: a subscription that was
refused is not tried again on this one."""

CREDENTIAL_SECONDS = 10.0
"""Seconds that a credential may be refused after it was good: then another process has to read the new
one. Key files are read again at each attempt."""

DEAF = 4
"""So many looks without an answer, on a connection that seems to be there: try another one."""


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
        self._created = ""
        self._unanswered = 0
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
        try:
            await self._connection.connect()
        except SettingsError as error:
            self._refuse(error)
            return
        while not self._connection.closed.is_set():
            if self._connection.refused_for > CREDENTIAL_SECONDS:
                await self._connection.give_up()
            self._wake.clear()
            pause = await self._look()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._wake.wait()
                continue
            if self._connection.connected and (self._connection.denied or self._unanswered >= DEAF):
                self._unanswered = 0
                await self._connection.connect_again()
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
            answered = isinstance(error, ApiError | NobodyListensError)
            return self._fail(str(error), answered)
        except Exception as error:
            # An answer that is none of JetStream's: this task must outlive it.
            log.exception("bus_look_failed")
            return self._fail(f"{type(error).__name__}: {error}", answered=True)
        self._unanswered = 0
        if self._connection.denied:
            return self._refuse(NotPermittedError(self._connection.denied))
        self.refused, self._problem = None, ""
        self._set_ready(True)
        return HEARTBEAT

    async def _ensure(self) -> None:
        reconnected = self._ensured != self._connection.reconnects
        if not self._verify or not (self._broken or reconnected):
            return
        self._broken = False
        connection_now, first = self._connection.reconnects, self._ensured < 0
        may_create = self._connection.settings.create_streams
        wanted = topology.streams(self._replicas)
        changes = await ensure_streams(self._jetstream, wanted, apply=False, create=may_create)
        if different := drift(changes):
            raise TopologyError(
                f"streams exist with other settings: {different}. `sightline init --apply` changes them"
            )
        created = [change.stream for change in changes if change.action == "created"]
        if created:
            log.info("streams_created", streams=created)
        self._ensured = connection_now
        if not first and reconnected:
            BUS_RECONNECTS.inc()
        if not first and (reconnected or created):
            self._begin_generation()

    async def _beat(self) -> None:
        if not self._verify:
            await self._jetstream.api("INFO")
            return
        created = await self._jetstream.heartbeat(topology.FRAMES.name)
        if self._created not in ("", created):
            # Somebody else brought it back before this task saw that it was gone.
            self._begin_generation()
        self._created = created

    def _begin_generation(self) -> None:
        self._created = ""
        self.generation += 1
        self.changes.tell()

    def _fail(self, problem: str, answered: bool) -> float:
        if self._connection.denied:
            return self._refuse(NotPermittedError(self._connection.denied))
        self._broken = True
        if problem != self._problem:
            self._problem = problem
            self.changes.tell()
        self._unanswered = 0 if answered or not self._connection.connected else self._unanswered + 1
        self._set_ready(False)
        return HEARTBEAT / 4

    def _refuse(self, error: SightlineError) -> float:
        if str(error) != self._problem:
            log.error("bus_refused", reason=str(error))
        self.refused, self._problem, self._broken = error, str(error), True
        self._set_ready(False)
        return DENIED_PAUSE if isinstance(error, NotPermittedError) else REFUSED_PAUSE

    def _set_ready(self, ready: bool) -> None:
        BUS_UP.set(ready)
        if self.ready != ready or self.refused:
            self.ready = ready
            self.changes.tell()
