"""A WebSocket whose last words arrive."""

from __future__ import annotations

import asyncio
import contextlib
import socket

from aiohttp import WSCloseCode, web

LINGER_SECONDS = 5.0
_UNREAD = frozenset({WSCloseCode.MESSAGE_TOO_BIG, WSCloseCode.INVALID_TEXT, WSCloseCode.PROTOCOL_ERROR})
"""Closed by the reader of the protocol, with more on its way from the client."""


class Socket(web.WebSocketResponse):
    """A WebSocket that tells a client which sends too much why it is cut off.

    A TCP connection that is closed while data arrives is reset, and the client that is still sending
    may never read the close frame. So what it sends is read, and dropped, for a moment more.
    """

    async def close(self, *, code: int = WSCloseCode.OK, message: bytes = b"", drain: bool = True) -> bool:
        """As in aiohttp."""
        kept = self._kept() if code in _UNREAD and not self.closed else None
        try:
            closed = await super().close(code=code, message=message, drain=drain)
            if kept is not None:
                await _linger(kept)
            return closed
        finally:
            if kept is not None:
                kept.close()

    def abort(self) -> None:
        """Drop the connection and what is still to be sent."""
        transport = self._req.transport if self._req is not None else None
        if transport is not None:
            transport.abort()

    def _kept(self) -> socket.socket | None:
        """The connection under another descriptor, which stays open when aiohttp closes its own."""
        connection = self.get_extra_info("socket")
        if connection is None:
            return None
        with contextlib.suppress(OSError):
            kept: socket.socket = connection.dup()
            kept.setblocking(False)
            return kept
        return None


async def _linger(connection: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    with contextlib.suppress(OSError, TimeoutError):
        connection.shutdown(socket.SHUT_WR)
        async with asyncio.timeout(LINGER_SECONDS):
            while await loop.sock_recv(connection, 65536):
                pass
