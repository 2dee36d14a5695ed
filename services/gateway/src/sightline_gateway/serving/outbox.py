"""What a client is still to be sent: in order, bounded in bytes and in time.

A client that does not read is cut off. Nothing is kept for it beyond the bound, and nobody waits for it.
"""

from __future__ import annotations

import asyncio
from collections import deque

from aiohttp import web

Payload = str | bytes


class SlowReaderError(Exception):
    """The client does not read what it is sent."""


class Outbox:
    """The messages that wait for one client.

    Attributes:
        over: Nothing is sent any more: the client is cut off, or gone.
    """

    def __init__(self, socket: web.WebSocketResponse, most_bytes: int, seconds: float) -> None:
        """
        Args:
            most_bytes: That may wait. One message is always taken, however large.
            seconds: That the client has to take a message once the network holds no more of them.
        """
        self._socket = socket
        self._most, self._seconds = most_bytes, seconds
        self._waiting: deque[tuple[Payload, int]] = deque()
        self._bytes = 0
        self.over = False
        self._some = asyncio.Event()
        self._none = asyncio.Event()
        self._none.set()

    def put(self, payload: Payload) -> int:
        """Add a message, to be sent in its turn. Returns its bytes; 0 once the client is cut off."""
        size = len(payload) if isinstance(payload, bytes) else len(payload.encode())
        if self.over:
            return 0
        if self._bytes and self._bytes + size > self._most:
            self.over = True
            self._waiting.clear()
            self._none.set()
        else:
            self._waiting.append((payload, size))
            self._bytes += size
            self._none.clear()
        self._some.set()
        return size

    async def run(self) -> None:
        """Send what comes, for as long as the connection lasts.

        Raises:
            SlowReaderError: Too much waits, or the client took too long to read.
            ConnectionError: The connection is gone.
        """
        try:
            while True:
                await self._some.wait()
                if self.over:
                    raise SlowReaderError
                payload, size = self._waiting[0]
                async with asyncio.timeout(self._seconds):
                    await self._send(payload)
                self._sent(size)
        except TimeoutError:
            raise SlowReaderError from None
        finally:
            self.over = True
            self._none.set()

    async def flush(self) -> None:
        """Wait until all was sent, as long as one message may take; not once the client is cut off."""
        try:
            async with asyncio.timeout(self._seconds):
                await self._none.wait()
        except TimeoutError:
            return

    async def _send(self, payload: Payload) -> None:
        if isinstance(payload, bytes):
            await self._socket.send_bytes(payload)
        else:
            await self._socket.send_str(payload)

    def _sent(self, size: int) -> None:
        if not self._waiting:  # cut off meanwhile
            return
        self._waiting.popleft()
        self._bytes -= size
        if not self._waiting:
            self._some.clear()
            self._none.set()
