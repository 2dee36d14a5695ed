"""A session and who sits there: its client's connection, or nobody for a while."""

from __future__ import annotations

import asyncio
import time
from typing import Protocol

from sightline.log import get_logger
from sightline_gateway import metrics
from sightline_gateway.protocol import ServerMessage
from sightline_gateway.serving.inputs import Frames, Turns
from sightline_gateway.serving.limits import Flow
from sightline_gateway.session import VideoSession

log = get_logger()


class Client(Protocol):
    """A connection, as its session knows it."""

    def send(self, message: ServerMessage) -> None:
        """Send this to the client. Does not wait."""

    def replaced(self) -> None:
        """Another connection has the session now."""


class Seat:
    """One session, what it works on, and its client.

    Attributes:
        key: Who shows it may take the session up again.
        group: The address that counts for it; "" is this machine.
        client: None while the session waits for its client to come back.
        left_at: Since when, on the process's own clock.
        over: It ends, or has ended.
        ended: Set when all of it is closed.
    """

    def __init__(self, session: VideoSession, key: str, participant: str, group: str, flow: Flow) -> None:
        self.session, self.flow = session, flow
        self.key, self.participant, self.group = key, participant, group
        self.client: Client | None = None
        self.left_at = 0.0
        self.over = False
        self.ended = asyncio.Event()
        self.frames = Frames(session.receive_frame, self.tell)
        self.turns = Turns(self.tell)
        self._off = session.on_any(self.tell)
        self._started: asyncio.Task[VideoSession] | None = None

    @property
    def session_id(self) -> str:
        return self.session.session_id

    async def started(self) -> None:
        """Wait until the session has begun; whoever waits first begins it."""
        if self._started is None:
            self._started = asyncio.create_task(self.session.__aenter__())
        # One client that goes away must not spoil it for the next.
        await asyncio.shield(self._started)

    def seat(self, client: Client) -> None:
        """The session is this client's now."""
        before, self.client = self.client, client
        if before is not None and before is not client:
            before.replaced()

    def vacate(self) -> None:
        """The client went away."""
        self.client = None
        self.left_at = time.monotonic()
        self.session.disconnected()

    def tell(self, message: ServerMessage) -> None:
        """Send the client a message, if there is one."""
        metrics.told(message, self.frames.taking)
        if self.client is not None:
            self.client.send(message)

    async def aclose(self) -> None:
        """End the session and all of its work. Never raises."""
        self._off()
        if self._started is not None:
            await asyncio.gather(self._started, return_exceptions=True)
        try:
            await self.session.aclose()
        except Exception:
            log.exception("session_not_closed")
        await self.frames.aclose()
        await self.turns.aclose()
