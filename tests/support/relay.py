"""A TCP relay in front of a server: a network that can be cut."""

from __future__ import annotations

import asyncio
from typing import Self

from sightline.embedded import HOST, free_port


class Relay:
    """Passes connections on to a port of this machine.

    Args:
        port: Where the server listens.

    Attributes:
        port: Where the relay listens.
        accepted: Connections so far.
    """

    def __init__(self, port: int) -> None:
        self.port = free_port()
        self.accepted = 0
        self._server_port = port
        self._open: set[asyncio.StreamWriter] = set()

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}/"

    async def __aenter__(self) -> Self:
        await self.mend()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.cut()

    async def cut(self) -> None:
        """Drop all connections, and refuse new ones."""
        self._listener.close()
        for writer in self._open:
            writer.transport.abort()
        await self._listener.wait_closed()

    async def mend(self) -> None:
        """Take connections, again."""
        self._listener = await asyncio.start_server(self._pass_on, HOST, self.port)

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        there, to_server = await asyncio.open_connection(HOST, self._server_port)
        ends = {writer, to_server}
        self._open |= ends
        try:
            await asyncio.gather(_copy(reader, to_server), _copy(there, writer), return_exceptions=True)
        finally:
            self._open -= ends
            for each in ends:
                each.transport.abort()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    finally:
        writer.close()
