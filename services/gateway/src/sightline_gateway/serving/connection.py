"""One WebSocket, from its first message to its close frame."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Awaitable

from aiohttp import WSCloseCode, WSMsgType

from sightline.errors import DecodeError
from sightline.log import get_logger
from sightline_gateway import metrics
from sightline_gateway.protocol import AudioChunk, Authenticate, ServerMessage
from sightline_gateway.protocol.binary import NotJsonError, as_text, pack
from sightline_gateway.protocol.incoming import parse
from sightline_gateway.serving.closing import Closing, bad_data, broken_rule, going_away, too_slow
from sightline_gateway.serving.desk import Desk, Gateway
from sightline_gateway.serving.outbox import Outbox, SlowReaderError
from sightline_gateway.serving.tokens import Grant, TokenError
from sightline_gateway.serving.websocket import Socket

log = get_logger()

CLOSE_SECONDS = 2.0
"""That a client has to answer the close frame."""


class Connection:
    """Reads what a client sends, has its desk serve that, and sends what comes back.

    Attributes:
        trusted: The client showed a token, or needs none.
    """

    def __init__(self, socket: Socket, gateway: Gateway, address: str, grant: Grant | None) -> None:
        """
        Args:
            socket: Open.
            address: The client's.
            grant: What the token of the handshake allows, where one was shown.
        """
        self._socket, self._gateway, self._address, self._grant = socket, gateway, address, grant
        settings = gateway.settings
        self._outbox = Outbox(socket, settings.send_bytes, settings.send_seconds)
        self._desk: Desk | None = None
        self._verdict: asyncio.Future[Closing] = asyncio.get_running_loop().create_future()
        self._stopping = False
        self._said_goodbye = self._dropped = False
        self.trusted = grant is not None or not gateway.tokens.required

    async def run(self) -> int | None:
        """Serve the client until one of both sides has had enough. Returns the code of the close frame."""
        reading = asyncio.create_task(self._judged(self._read()))
        sending = asyncio.create_task(self._judged(self._outbox.run()))
        try:
            closing = await self._verdict
            await _cancelled(reading)
            if closing.error is not None:
                metrics.told(closing.error, None)
                self.send(closing.error)
            # What was said before the end comes first.
            await self._outbox.flush()
        finally:
            await _cancelled(reading)
            await _cancelled(sending)
            if self._desk is not None and self._desk.seat is not None:
                self._gateway.registry.leave(self._desk.seat, self, for_good=self._said_goodbye)
        return await self._close(closing)

    def send(self, message: ServerMessage) -> None:
        """Send this to the client, in its turn. Does not wait."""
        payload: str | bytes
        if isinstance(message, AudioChunk) and self._desk is not None and self._desk.binary:
            payload = pack(message, base64.b64decode(message.data))
        else:
            payload = as_text(message)
        metrics.BYTES.labels("out").inc(self._outbox.put(payload))
        if self._outbox.over:
            self.end(too_slow())

    def replaced(self) -> None:
        """Another connection has the session now."""
        self.end(Closing(WSCloseCode.POLICY_VIOLATION, "the session was taken up by another connection"))

    def end(self, closing: Closing) -> None:
        """Close the connection; the first reason counts."""
        if not self._verdict.done():
            self._verdict.set_result(closing)

    async def stop(self) -> None:
        """Take no more turns; close the connection once those in progress are over."""
        self._stopping = True
        if self._desk is not None:
            self._desk.stopping = True
            if self._desk.seat is not None:
                await self._desk.seat.turns.ended()
        self.end(going_away())

    async def _judged(self, work: Awaitable[None]) -> None:
        """Do the work; however it ends, that is the end of the connection."""
        closing = Closing(WSCloseCode.OK, "")
        try:
            await work
        except Closing as reason:
            closing = reason
        except SlowReaderError:
            closing = too_slow()
        except ConnectionError:
            pass
        except Exception as error:
            log.exception("connection_failed", error=type(error).__name__)
            closing = Closing(WSCloseCode.INTERNAL_ERROR, "internal")
        finally:
            self.end(closing)

    async def _read(self) -> None:
        if not self.trusted:
            self._grant = await self._authenticated()
            self.trusted = True
        self._desk = desk = Desk(self._gateway, self, self._address, self._grant)
        desk.stopping = self._stopping
        self.send(desk.hello())
        while (payload := await self._receive()) is not None:
            await desk.serve(payload)

    async def _authenticated(self) -> Grant:
        seconds = self._gateway.settings.auth_seconds
        try:
            async with asyncio.timeout(seconds):
                payload = await self._receive()
        except TimeoutError:
            raise broken_rule("unauthorized", f"expected a token within {seconds:g} s") from None
        if payload is None:
            raise Closing(WSCloseCode.OK, "")
        try:
            message = parse(payload).message
            if not isinstance(message, Authenticate):
                raise broken_rule(
                    "wrong_order",
                    "expected a token: authenticate as the first message, or a subprotocol",
                )
            return self._gateway.tokens.check(message.token)
        except TokenError as error:
            raise broken_rule("unauthorized", str(error)) from None
        except NotJsonError as error:
            raise bad_data(str(error)) from None
        except DecodeError as error:
            raise broken_rule("wrong_order", f"expected authenticate first: {error}") from None

    async def _receive(self) -> str | bytes | None:
        """The next message; None: there is none any more."""
        message = await self._socket.receive()
        if message.type is WSMsgType.TEXT or message.type is WSMsgType.BINARY:
            payload: str | bytes = message.data
            return payload
        # A page that is left, or a network that is, closes otherwise; its session may be taken up again.
        self._said_goodbye = message.type is WSMsgType.CLOSE and message.data == WSCloseCode.OK
        self._dropped = message.type is WSMsgType.CLOSED
        return None

    async def _close(self, closing: Closing) -> int | None:
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                if await self._socket.close(code=closing.code, message=closing.reason.encode()):
                    return closing.code
        except TimeoutError:
            self._socket.abort()
            return closing.code
        return WSCloseCode.ABNORMAL_CLOSURE if self._dropped else self._socket.close_code


async def _cancelled(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
