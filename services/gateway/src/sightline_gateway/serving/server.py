"""The gateway's HTTP server: the WebSocket, the page, and what describes both."""

from __future__ import annotations

import asyncio
import socket
from types import TracebackType
from typing import Self

from aiohttp import web

from sightline.errors import SettingsError
from sightline.log import get_logger
from sightline_gateway import metrics
from sightline_gateway.protocol import Config
from sightline_gateway.protocol.binary import as_text
from sightline_gateway.serving import pages
from sightline_gateway.serving.closing import Closing, broken_rule, going_away, later
from sightline_gateway.serving.connection import CLOSE_SECONDS, Connection
from sightline_gateway.serving.desk import Gateway
from sightline_gateway.serving.handshake import SUBPROTOCOL, Handshake
from sightline_gateway.serving.limits import Admission
from sightline_gateway.serving.registry import MakeSession, Registry
from sightline_gateway.serving.tokens import TokenError, Tokens
from sightline_gateway.serving.websocket import Socket
from sightline_gateway.settings import GatewaySettings, SessionSettings

log = get_logger()

PATH = "/ws"
SEND_BUFFER = 256 * 1024
"""Bytes that the system keeps for one client on top of ours; by itself it would keep megabytes."""

HTTP_SECONDS = 15.0
"""That a connection has to send a request, and then the next."""

LATE_SECONDS = 2.0
"""That closing everything may take on top of what replies in progress have."""

BASE64 = 4 / 3
_HEADER_BYTES = 64 * 1024


def largest_message(settings: GatewaySettings) -> int:
    """Bytes of one message that are read at all.

    Twice what a frame may have, in base64: who sends a frame that is a little too large is told so, and
    goes on.
    """
    data = max(2 * settings.max_frame_input_size, settings.max_audio_input_size)
    return int(data * BASE64) + _HEADER_BYTES


class GatewayServer:
    """Listens for as long as its block runs, and then lets everybody go.

    Attributes:
        port: Where it listens.
        registry: The sessions.
    """

    def __init__(self, make: MakeSession, settings: GatewaySettings, sessions: SessionSettings) -> None:
        """
        Args:
            make: Makes the sessions.

        Raises:
            SettingsError: Without a token anybody could connect; or a list makes no sense.
        """
        tokens = Tokens(settings)
        self.registry = Registry(make, settings)
        self._settings = settings
        self._gateway = Gateway(settings, tokens, self.registry, _config(sessions))
        self._handshake = Handshake(settings, tokens)
        self._admission = Admission(settings)
        self._open: dict[Connection, asyncio.Task[int | None]] = {}
        self._stopping = False
        self._runner: web.AppRunner | None = None
        self.port = 0

    async def __aenter__(self) -> Self:
        """
        Raises:
            SettingsError: The address cannot be listened on.
        """
        # In a thread, because the files of the page are looked up.
        app = await asyncio.to_thread(self._application)
        # No log of requests: a URL may hold what somebody should not have put there.
        self._runner = web.AppRunner(
            app, access_log=None, shutdown_timeout=LATE_SECONDS, keepalive_timeout=HTTP_SECONDS
        )
        await self._runner.setup()
        host, port = self._settings.host, self._settings.port
        try:
            site = web.TCPSite(self._runner, host, port)
            await site.start()
        except OSError as error:
            await self._runner.cleanup()
            raise SettingsError(
                f"GATEWAY_HOST, GATEWAY_PORT: cannot listen on {host}:{port}: {error.strerror or error}"
            ) from error
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.drain(0)
        await self.registry.aclose()
        if self._runner is not None:
            await self._runner.cleanup()

    async def drain(self, seconds: float) -> None:
        """Take no connections and no turns any more; close each connection once its reply is over.

        Args:
            seconds: That replies in progress have for it.
        """
        self._stopping = True
        stopping = [asyncio.create_task(connection.stop()) for connection in self._open]
        if stopping:
            await asyncio.wait(stopping, timeout=seconds)
        for connection in self._open:
            connection.end(going_away())
        if self._open:
            await asyncio.wait(self._open.values(), timeout=LATE_SECONDS)
        for task in (*stopping, *self._open.values()):
            task.cancel()
        await asyncio.gather(*stopping, *self._open.values(), return_exceptions=True)

    def _application(self) -> web.Application:
        app = web.Application(middlewares=[pages.careful])
        app.add_routes([web.get(PATH, self._connect), *pages.routes()])
        return app

    async def _connect(self, request: web.Request) -> web.StreamResponse:
        self._handshake.check(request)
        address = self._handshake.address(request)
        settings = self._settings
        upgraded = Socket(
            protocols=(SUBPROTOCOL,),
            heartbeat=settings.ping_seconds,
            max_msg_size=largest_message(settings),
            # What is inflated is another thing to bound, and pictures do not get smaller.
            compress=False,
            timeout=CLOSE_SECONDS,
        )
        await upgraded.prepare(request)
        if (connection := upgraded.get_extra_info("socket")) is not None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
        full = "the gateway is stopping: try again" if self._stopping else self._admission.enter(address)
        if full:
            await self._turn_away(upgraded, later(full))
            return upgraded
        try:
            await self._serve(request, upgraded, address)
        finally:
            self._admission.leave(address)
        return upgraded

    async def _serve(self, request: web.Request, upgraded: Socket, address: str) -> None:
        try:
            grant = self._handshake.grant(request)
        except TokenError as error:
            self._admission.failed(address)
            await self._turn_away(upgraded, broken_rule("unauthorized", str(error)))
            return
        connection = Connection(upgraded, self._gateway, address, grant)
        # A task of its own: it closes in good order, whatever becomes of the request.
        self._open[connection] = task = asyncio.create_task(connection.run())
        metrics.OPEN.set(len(self._open))
        try:
            metrics.closed(await asyncio.shield(task))
        finally:
            del self._open[connection]
            metrics.OPEN.set(len(self._open))
            if not connection.trusted:
                self._admission.failed(address)

    async def _turn_away(self, upgraded: Socket, closing: Closing) -> None:
        """Browsers show their pages the code of a close frame, and nothing of a refused upgrade."""
        try:
            async with asyncio.timeout(LATE_SECONDS):
                if closing.error is not None:
                    metrics.told(closing.error, None)
                    await upgraded.send_str(as_text(closing.error))
                await upgraded.close(code=closing.code, message=closing.reason.encode())
        except (TimeoutError, ConnectionError):
            upgraded.abort()
        metrics.closed(closing.code)


def _config(settings: SessionSettings) -> Config:
    return Config(
        max_context_frames=settings.max_context_frames,
        timer_interval=settings.timer_interval,
        speech=settings.speech,
    )
