"""Pulls of a consumer, one message at a time."""

from __future__ import annotations

import asyncio
import json

from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from sightline.bus.connection import Connection, end
from sightline.errors import BusError
from sightline.topology import Queue

PASSING = frozenset({"404", "408", "409"})
"""Statuses that end a pull: nothing came, its time is over, or the consumer was changed."""


class Pulls:
    """Asks for a message, and waits for it.

    nats-py's ``fetch`` waits in three tasks, one inside the other, and a message wakes them in turn.
    One at a time: batches leave pulls behind that stall the next ones.
    """

    def __init__(self, connection: Connection, queue: Queue) -> None:
        """No I/O."""
        self._connection = connection
        self._name = f"{queue.stream}.{queue.name}"
        self._inbox = ""
        self._came: asyncio.Queue[Msg] = asyncio.Queue()
        self._subscription: Subscription | None = None

    async def open(self) -> None:
        """Raises BusError: not connected."""
        self._inbox = self._connection.client.new_inbox()
        self._subscription = await self._connection.subscribe(self._inbox)
        self._connection.client.hand_over(self._subscription, self._came.put_nowait)

    async def close(self) -> None:
        """What was delivered and not taken comes back after ``ack_wait``."""
        if self._subscription is not None:
            self._connection.client.keep(self._subscription)
            await end(self._subscription)
            self._subscription = None

    async def next(self, seconds: float) -> Msg | None:
        """The next message; None: none came in time.

        Raises:
            BusError: Not connected, or the consumer is gone.
        """
        # What came just after an earlier pull was given up on; statuses are of that pull.
        while not self._came.empty():
            if not _status(message := self._came.get_nowait()):
                return message
        # The server gives up first, so that no message is on its way to nobody.
        body = {"batch": 1, "expires": int(seconds * 1e9) - 100_000}
        subject = f"$JS.API.CONSUMER.MSG.NEXT.{self._name}"
        await self._connection.publish(subject, json.dumps(body).encode(), {}, reply=self._inbox)
        try:
            async with asyncio.timeout(seconds):
                return await self._message()
        except TimeoutError:
            return None

    async def _message(self) -> Msg:
        while status := _status(message := await self._came.get()):
            # Whoever asked again at once would ask a thousand times a second.
            if status not in PASSING:
                reason = (message.headers or {}).get("Description", "")
                raise BusError(f"a pull of {self._name} was refused: {status} {reason}")
        return message


def _status(message: Msg) -> str:
    return (message.headers or {}).get("Status", "")
