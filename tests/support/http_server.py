"""Real HTTP servers for tests: they record each request in full and have faults to switch on.

What they answer is in ``support.model_servers``.
"""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
import struct
import weakref
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from functools import partial
from typing import Any, Self

from aiohttp import web

from sightline.errors import DecodeError
from support.recorded import Recorded, record

HUGE_BYTES = 10 * 1024 * 1024
DRIP_SECONDS = 0.05
"""Between two bytes of a dripping answer: far below any read timeout, so only a total deadline ends it."""


Answer = Callable[[Recorded], web.StreamResponse]
Routes = Mapping[tuple[str, str], Answer]
"""Method and path -> what makes the answer."""


class Fault(Enum):
    """What goes wrong, from the next request on."""

    HANG = auto()  # takes the request and says nothing, until release() or the client leaves
    RESET = auto()  # TCP reset instead of an answer
    DRIP = auto()  # headers, then a byte at a time, without end
    GARBAGE = auto()  # 200 with bytes that are no JSON
    HUGE = auto()  # 200 with 10 MB of text in the right place, no Content-Length
    EMPTY = auto()  # 200 without a body


@dataclass(frozen=True, slots=True)
class Status:
    """An answer with this status, these headers and this body."""

    code: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str = '{"error": {"message": "switched on by the test", "code": "test"}}'


@dataclass(frozen=True, slots=True)
class Body:
    """A 200 with this body, whatever it is."""

    data: bytes


class ModelServer(ABC):
    """What both servers share: recording, faults, lifecycle.

    Attributes:
        requests: Every request so far, refused and failing ones included.
        fault: What goes wrong now; None for nothing.
        latency: Seconds before each answer.
        connections: TCP connections that carried a request.
        in_flight: Requests being answered now; ``peak`` is the most at once.
        sent: Bytes of HUGE answers that clients took.
    """

    tls: ssl.SSLContext | None = None
    """Set it before the start to speak HTTPS."""

    host: str = "127.0.0.1"
    """Where it listens; set it before the start to be reached from containers."""

    def __init__(self, api_key: str = "", latency: float = 0.0) -> None:
        self.api_key = api_key
        self.latency = latency
        self.requests: list[Recorded] = []
        self.fault: Fault | Status | Body | None = None
        self.connections = self.in_flight = self.peak = self.sent = 0
        self._times: int | None = None
        self._seen: weakref.WeakSet[asyncio.BaseTransport] = weakref.WeakSet()
        self._changed = asyncio.Condition()
        self._released = asyncio.Event()
        self._port = 0

    @property
    def url(self) -> str:
        """The base URL, with ``/v1`` and no slash behind it."""
        return f"{'https' if self.tls else 'http'}://{self.host}:{self._port}/v1"

    def fail(self, fault: Fault | Status | Body, times: int) -> None:
        """Switch a fault on for the next ``times`` requests only."""
        self.fault, self._times = fault, times

    def release(self) -> None:
        """Answer the requests that hang now, and those to come."""
        self.fault = None
        self._released.set()

    async def requested(self, count: int) -> list[Recorded]:
        """Wait until there have been ``count`` requests; returns all of them."""
        async with self._changed:
            await self._changed.wait_for(lambda: len(self.requests) >= count)
        return self.requests

    async def idle(self) -> None:
        """Wait until no request is in flight."""
        async with self._changed:
            await self._changed.wait_for(lambda: self.in_flight == 0)

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=64 * 1024 * 1024)
        for (method, path), answer in self._routes().items():
            app.router.add_route(method, path, partial(self._serve, answer))
        # A client that leaves cancels its handler, or a hanging request would never end.
        self._runner = web.AppRunner(app, handler_cancellation=True, access_log=None, shutdown_timeout=0.01)
        await self._runner.setup()
        site = web.TCPSite(self._runner, self.host, self._port, ssl_context=self.tls)
        await site.start()
        self._port = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    async def stop(self) -> None:
        """Go away; ``start`` comes back on the same port."""
        await self.__aexit__()

    async def start(self) -> None:
        await self.__aenter__()

    @abstractmethod
    def _routes(self) -> Routes: ...

    @abstractmethod
    def _authorized(self, request: web.Request) -> bool: ...

    async def _serve(self, answer: Answer, request: web.Request) -> web.StreamResponse:
        recorded = await record(request)
        await self._count(request, recorded)
        try:
            fault = self._take_fault()
            if self.latency:
                await asyncio.sleep(self.latency)
            if self.api_key and not self._authorized(request):
                return _error(401, "the key is missing or wrong")
            if fault is Fault.HANG:
                await self._released.wait()
            elif fault is not None:
                return await self._misbehave(request, fault)
            try:
                response = answer(recorded)
            except (DecodeError, ValueError) as error:
                return _error(400, f"cannot use the image: {error}")
            if isinstance(response, Events):
                await response.send(request)
            return response
        finally:
            self.in_flight -= 1
            async with self._changed:
                self._changed.notify_all()

    async def _count(self, request: web.Request, recorded: Recorded) -> None:
        self.in_flight += 1
        self.peak = max(self.peak, self.in_flight)
        if request.transport is not None and request.transport not in self._seen:
            self._seen.add(request.transport)
            self.connections += 1
        self.requests.append(recorded)
        async with self._changed:
            self._changed.notify_all()

    def _take_fault(self) -> Fault | Status | Body | None:
        fault = self.fault
        if self._times is not None:
            self._times -= 1
            if self._times <= 0:
                self.fault = self._times = None
        return fault

    async def _misbehave(self, request: web.Request, fault: Fault | Status | Body) -> web.StreamResponse:
        match fault:
            case Status():
                return web.Response(
                    status=fault.code,
                    text=fault.body,
                    headers={"Content-Type": "application/json", **fault.headers},
                )
            case Body():
                return web.Response(body=fault.data, content_type="application/json")
            case Fault.RESET:
                return _reset(request)
            case Fault.GARBAGE:
                return web.Response(body=b"\xff\xfe<html>not \x00 JSON", content_type="application/json")
            case Fault.EMPTY:
                return web.Response(body=b"", content_type="application/json")
            case _:
                return await self._stream(request, self._drip() if fault is Fault.DRIP else self._huge())

    async def _stream(self, request: web.Request, chunks: AsyncIterator[bytes]) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        async for chunk in chunks:
            await response.write(chunk)
        return response

    async def _drip(self) -> AsyncIterator[bytes]:
        yield b"{"
        while True:
            await asyncio.sleep(DRIP_SECONDS)
            yield b" "

    async def _huge(self) -> AsyncIterator[bytes]:
        text = json.dumps(self._shaped("huge ")).encode()
        before, after = text.split(b"huge ", 1)
        yield before
        piece = b"huge " * 1024
        for _ in range(HUGE_BYTES // len(piece)):
            yield piece
            self.sent += len(piece)
        yield after

    @abstractmethod
    def _shaped(self, text: str) -> dict[str, Any]:
        """A good answer that says ``text``."""


class Events(web.StreamResponse):
    """Server-sent events, ended by ``[DONE]``; or never, until the client leaves."""

    def __init__(self, events: list[dict[str, Any]], unending: bool = False) -> None:
        super().__init__(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-cache"})
        self._events = events
        self._unending = unending

    async def send(self, request: web.Request) -> None:
        await self.prepare(request)
        for event in self._events:
            await self.write(f"data: {json.dumps(event)}\n\n".encode())
        if self._unending:
            await asyncio.Event().wait()
        await self.write(b"data: [DONE]\n\n")


def _error(status: int, message: str) -> web.Response:
    return web.json_response({"error": {"message": message, "code": str(status)}}, status=status)


def _reset(request: web.Request) -> web.StreamResponse:
    assert request.transport is not None
    connection: socket.socket = request.transport.get_extra_info("socket")
    # Lingering for zero seconds turns the close into a reset.
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    request.transport.abort()
    return web.Response()
