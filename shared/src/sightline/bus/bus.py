"""What the rest of Sightline knows of the bus."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar

from sightline import topology
from sightline.bus import queue as work, replicas as registry
from sightline.bus.clock import BusClock
from sightline.bus.connection import Connection, NobodyListensError
from sightline.bus.ensure import Change, drift, ensure_streams
from sightline.bus.feed import Feed, History, newest_received
from sightline.bus.jetstream import JetStream, SlotTakenError
from sightline.bus.keeper import Keeper
from sightline.bus.received import Received, parse
from sightline.bus.serving import Serving, wire_of
from sightline.bus.stored import Stores, read_stored
from sightline.changes import Changes
from sightline.config import BusSettings
from sightline.errors import BusClosedError, BusError, TopologyError
from sightline.log import get_logger
from sightline.messages import Message

log = get_logger()

M = TypeVar("M", bound=Message)
Stop = Callable[[], Awaitable[None]]
Status = Callable[[], dict[str, Any]]
KEEPER_SECONDS = 1.0


class Bus:
    """One connection to NATS, with the few things that Sightline does there.

    It connects, and reconnects, in the background. While it is away everything raises BusError at
    once: what would be sent late is better not sent.

    Attributes:
        changes: Tells when ``ready``, ``problem`` or ``generation`` changes.
        full: Its ``problem`` names streams that have no room left.
        stores: How much the streams hold, for whoever looks after them.
    """

    def __init__(self, settings: BusSettings, name: str, verify: bool = True) -> None:
        """No I/O.

        Args:
            settings: Where the servers are.
            name: This process, as the server shows it in its list of connections.
            verify: Create and compare the streams; False for tools that only look.
        """
        self.settings = settings
        self.name = name
        self._clock = BusClock()
        self._connection = Connection(settings, name, lambda: self._keeper.connection_changed())
        self._jetstream = JetStream(self._connection, self._clock)
        self._keeper = Keeper(self._connection, self._jetstream, settings.stream_replicas, verify)
        self.changes: Changes = self._keeper.changes
        self.full = self._jetstream.full
        self.stores = Stores(self._jetstream)
        self._servings: set[Serving[Any]] = set()
        self._keeping: asyncio.Task[Any] | None = None

    @classmethod
    @contextlib.asynccontextmanager
    async def open(cls, settings: BusSettings, name: str, verify: bool = True) -> AsyncIterator[Bus]:
        """A bus that is ready, closed at the end."""
        bus = cls(settings, name, verify)
        try:
            await bus.start()
            await bus.wait_ready()
            yield bus
        finally:
            await bus.close()

    async def start(self) -> None:
        """Begin to connect. Returns at once."""
        self._keeping = asyncio.create_task(self._keeper.run())

    async def wait_ready(self) -> None:
        """Wait until it is connected, with the streams as they should be and the clock known.

        Raises:
            TopologyError: A stream exists with other settings.
            NotPermittedError: The credential lacks a right.
            BusClosedError: The connection is closed for good.
        """
        while not self.ready:
            version = self.changes.version
            if self._connection.closed.is_set():
                raise BusClosedError(self.problem)
            if self._keeper.refused:
                raise self._keeper.refused
            if not self.ready:
                await self.changes.after(version)

    async def close(self) -> None:
        """Bounded; never raises."""
        if self._keeping:  # before the client: it may be connecting just now
            self._keeping.cancel()
            await asyncio.wait([self._keeping], timeout=KEEPER_SECONDS)
        await self._connection.close()
        await asyncio.gather(*(serving.stop() for serving in self._servings))

    async def wait_closed(self) -> None:
        """Wait until the connection is closed for good: by ``close``, or by the server."""
        await self._connection.closed.wait()

    @property
    def connected(self) -> bool:
        return self._connection.connected

    @property
    def ready(self) -> bool:
        """Whether a JetStream request succeeded just now, on streams as they should be."""
        return self._keeper.ready and self._connection.connected

    @property
    def problem(self) -> str:
        """Why it is not ready."""
        return "" if self.ready else self._keeper.problem or "connecting"

    @property
    def generation(self) -> int:
        """Grows when memory streams may have lost what they held: offer tickets again."""
        return self._keeper.generation

    def now(self) -> datetime:
        """The server's clock. All ages are by it."""
        return self._clock.now()

    async def publish(self, message: Message, message_id: str | None = None) -> None:
        """Store a message in its stream.

        Args:
            message_id: A message stored under this id a moment ago is not stored twice.

        Raises:
            BusError: Not stored, or not known to be; StoreFullError: for want of room.
            TooLargeError: With its headers it is larger than the server or the stream takes.
            NotPermittedError: The credential has no right to the subject.
        """
        headers, payload = wire_of(message)
        if message_id:
            headers["Nats-Msg-Id"] = message_id
        try:
            await self._jetstream.publish(message.subject, payload, headers)
        except NobodyListensError:
            self._keeper.repair()
            raise

    async def offer(self, message: Message) -> bool:
        """Put a message into a work queue of one message per subject.

        Returns:
            False: the slot is taken. No error: what is there stands for this one, too.
        """
        try:
            await self.publish(message)
        except SlotTakenError:
            return False
        return True

    async def send(self, message: Message) -> None:
        """Tell whoever listens now; not stored. Dropped while the bus is away, or closed."""
        headers, payload = wire_of(message)
        try:
            await self._connection.publish(message.subject, payload, headers)
        except (BusError, BusClosedError) as error:
            log.debug("message_dropped", type=message.TYPE, reason=str(error))

    async def newest(self, types: type[M] | tuple[type[M], ...], subject: str) -> Received[M] | None:
        """The newest message stored on a subject.

        Args:
            types: What it may be.

        Raises:
            BusError: No answer.
            DecodeError: It is something else.
        """
        stream = topology.stream_of(subject)
        try:
            message = await self._jetstream.newest(stream.name, subject)
        except NobodyListensError:
            self._keeper.repair()
            raise
        return newest_received(types if isinstance(types, tuple) else (types,), message) if message else None

    async def request(
        self, subject: str, message: Message, reply: type[M], timeout: float | None = None
    ) -> M:
        """Ask whoever serves a subject.

        Raises:
            BusError: Nobody does, or no answer came within ``timeout`` seconds, or it was refused.
            DecodeError: The answer is something else.
        """
        headers, payload = wire_of(message)
        answer = await self._connection.request(subject, payload, headers, timeout)
        found = answer.headers or {}
        if "Nats-Service-Error" in found:
            raise BusError(f"{subject}: {found['Nats-Service-Error']}")
        return parse((reply,), found, answer.data)

    async def serve(
        self, subject: str, message_class: type[M], handler: Callable[[M], Awaitable[Message | None]]
    ) -> Stop:
        """Handle messages of a subject, many at once; what the handler returns is the reply.

        Returns:
            Call and await it to stop.
        """
        serving = Serving(self._connection, message_class, handler)
        await serving.start(subject)
        self._servings.add(serving)

        async def stop() -> None:
            self._servings.discard(serving)
            await serving.stop()

        return stop

    def feed(
        self,
        stream: topology.Stream,
        subject: str,
        types: Sequence[type[M]],
        headers_only: bool = False,
        history: History = "newest",
    ) -> AsyncGenerator[Received[M], None]:
        """Read a stream as it grows, for ever, through restarts; cancel the task to stop.

        After the stream was lost its ``history`` comes again. What does not parse is logged and skipped.
        """
        repair = self._keeper.repair
        return Feed(self._jetstream, stream.name, subject, tuple(types), headers_only, history, repair).read()

    def stored(
        self,
        stream: topology.Stream,
        subject: str,
        types: Sequence[type[M]],
        since: datetime | None = None,
        headers_only: bool = False,
    ) -> AsyncGenerator[Received[M], None]:
        """Read what a stream holds now, oldest first; ends there.

        Args:
            since: Only what was stored from then on.
            headers_only: Without payloads, for messages that can be without: ``FrameInfo``, ``TrackEnded``.

        Raises:
            BusError: Not all of it could be read.
        """
        return read_stored(self._jetstream, stream.name, subject, tuple(types), since, headers_only)

    def queue(self, queue: topology.Queue) -> work.WorkQueue:
        """A puller of a shared work queue; one per slot that works."""
        return work.WorkQueue(self._jetstream, queue, self._keeper.repair)

    async def ensure(
        self, streams: Iterable[topology.Stream], apply: bool = False, report: bool = False
    ) -> list[Change]:
        """Create missing streams and compare the others.

        Args:
            apply: Change those that differ.
            report: Return differences; otherwise they are an error.

        Raises:
            TopologyError: Names each field that differs, and both values.
        """
        changes = await ensure_streams(self._jetstream, streams, apply)
        if not report and (different := drift(changes)):
            raise TopologyError(f"streams exist with other settings: {different}")
        return changes

    async def lag(self, queue: topology.Queue) -> work.Lag:
        """Raises BusError: no such queue yet, or no answer."""
        return await work.lag(self._jetstream, queue)

    async def replicas(self, wait: float = 0.5) -> list[registry.Replica]:
        """The replicas of all stages that answer within ``wait`` seconds."""
        return await registry.discover(self._connection, wait)

    async def register(
        self, name: str, version: str, subject: str, status: Status, endpoints: Mapping[str, registry.Handler]
    ) -> Stop:
        """Announce this process as a replica of a stage; see ``sightline.bus.replicas``."""
        return await registry.register(self._connection, name, version, subject, status, endpoints)
