"""Serves what one client sends. Its session begins with the first message that needs it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from aiohttp import WSCloseCode

from sightline.errors import DecodeError, SightlineError
from sightline.log import get_logger
from sightline_gateway import metrics
from sightline_gateway.protocol import (
    Audio,
    Authenticate,
    ClientReady,
    Config,
    Error,
    Interrupt,
    SessionInit,
    Transcript,
    VideoFrame,
)
from sightline_gateway.protocol.binary import NotJsonError
from sightline_gateway.protocol.incoming import Incoming, parse
from sightline_gateway.serving.closing import Closing, bad_data, broken_rule, later
from sightline_gateway.serving.limits import Flow
from sightline_gateway.serving.registry import Claim, FullError, Registry, TakenError, offered
from sightline_gateway.serving.seat import Client, Seat
from sightline_gateway.serving.tokens import PARTICIPANT, Grant, Tokens
from sightline_gateway.settings import GatewaySettings

log = get_logger()


@dataclass(frozen=True, slots=True)
class Gateway:
    """What all connections share."""

    settings: GatewaySettings
    tokens: Tokens
    registry: Registry
    config: Config


class Desk:
    """What one connection is served by, once it has authenticated.

    Attributes:
        seat: The client's session; None before it begins.
        binary: The client takes audio chunks as binary messages.
        stopping: Turns are not taken any more.
    """

    def __init__(self, gateway: Gateway, client: Client, address: str, grant: Grant | None) -> None:
        self._gateway, self._client, self._address, self._grant = gateway, client, address, grant
        self._session_id, self._key = offered()
        if grant is not None:
            self._session_id = grant.session_id
        self._flow = Flow(gateway.settings)
        self.seat: Seat | None = None
        self.binary = False
        self.stopping = False
        self._served: dict[type[Any], Callable[[Any, bytes], Awaitable[None]]] = {
            Authenticate: self._authenticate,
            ClientReady: self._ready,
            VideoFrame: self._frame,
            Transcript: self._transcript,
            Audio: self._audio,
            Interrupt: self._interrupt,
        }

    def hello(self, resumed: bool = False) -> SessionInit:
        """Which session this is, and how to come back to it."""
        seat = self.seat
        if seat is None:
            return SessionInit(session_id=self._session_id, resume_key=self._key, config=self._gateway.config)
        return SessionInit(
            session_id=seat.session_id, resume_key=seat.key, resumed=resumed, config=seat.session.config
        )

    async def serve(self, payload: str | bytes) -> None:
        """Take one message as it came.

        Raises:
            Closing: The connection is to be closed.
        """
        metrics.BYTES.labels("in").inc(len(payload))
        if not self._flow.message(len(payload)):
            self._refuse(len(payload))
            return
        incoming = self._parsed(payload)
        if incoming is not None:
            await self._served[type(incoming.message)](incoming.message, incoming.data)

    def _parsed(self, payload: str | bytes) -> Incoming | None:
        try:
            return parse(payload)
        except NotJsonError as error:
            raise bad_data(str(error)) from None
        except DecodeError as error:
            if not self._flow.offence():
                raise bad_data(f"{error}; as with too many messages before") from None
            self._answer(Error(code="bad_message", message=str(error)))
            return None

    async def _authenticate(self, _message: Authenticate, _data: bytes) -> None:
        # Where no token is asked for, one that is shown does no harm.
        if self._gateway.tokens.required:
            raise broken_rule("wrong_order", "authenticate is the first message, and sent once")

    async def _ready(self, message: ClientReady, _data: bytes) -> None:
        self.binary = message.capabilities.binary
        wanted = message.session_id or self._session_id
        if self.seat is not None and wanted != self.seat.session_id:
            raise broken_rule(
                "wrong_order", f"this connection's session is {self.seat.session_id!r} already: connect anew"
            )
        if self._grant is not None and wanted != self._grant.session_id:
            raise broken_rule("session_unknown", "the token is for another session than client_ready names")
        self._session_id = wanted
        seat, resumed = await self._seated(message.resume_key or "")
        self._client.send(self.hello(resumed))
        seat.session.client_ready(message.capabilities)

    async def _frame(self, message: VideoFrame, data: bytes) -> None:
        if not self._flow.frame():
            metrics.FRAMES.labels(message.trigger_reason, "rate_limited").inc()
            self._refuse(sequence=message.sequence)
            return
        seat, _ = await self._seated()
        if message.session_id and message.session_id != seat.session_id:
            self._answer(
                Error(
                    code="session_unknown",
                    message=f"video_frame.sessionId: expected {seat.session_id!r}, or nothing",
                    sequence=message.sequence,
                )
            )
            return
        for passed_over in seat.frames.put(message, data):
            metrics.FRAMES.labels(passed_over.trigger_reason, "passed_over").inc()
            text = f"frame {passed_over.sequence} was passed over for a newer one: await frame_ack"
            self._answer(Error(code="busy", message=text, sequence=passed_over.sequence))

    async def _transcript(self, message: Transcript, _data: bytes) -> None:
        if not message.text.strip():
            self._answer(Error(code="bad_message", message="transcript.text: expected words, got blanks"))
            return
        await self._turn(lambda seat: seat.session.send_text(message.text))

    async def _audio(self, message: Audio, data: bytes) -> None:
        await self._turn(lambda seat: seat.session.send_audio(data, message.format, message.sample_rate))

    async def _turn(self, turn: Callable[[Seat], Awaitable[object]]) -> None:
        seat, _ = await self._seated()
        if self.stopping or seat.turns.full:
            why = "the gateway is stopping: connect again" if self.stopping else "too many turns at once"
            self._answer(Error(code="busy", message=why))
            return
        seat.turns.start(lambda: turn(seat))

    async def _interrupt(self, message: Interrupt, _data: bytes) -> None:
        if self.seat is not None:
            self.seat.session.interrupt(message.reason)

    async def _seated(self, key: str = "") -> tuple[Seat, bool]:
        if self.seat is not None:
            return self.seat, False
        grant = self._grant
        claim = Claim(
            self._session_id,
            grant.participant if grant else PARTICIPANT,
            self._address,
            own_key=self._key,
            key=key,
            proven=grant is not None,
        )
        try:
            seat, resumed = await self._gateway.registry.take(claim, self._client, self._flow)
        except TakenError as error:
            raise broken_rule("session_unknown", str(error)) from None
        except FullError as error:
            raise later(str(error)) from None
        except Exception as error:
            known = isinstance(error, SightlineError)
            log.error("session_not_started", error=type(error).__name__, exc_info=not known)
            message = str(error) if known else "the session could not be started"
            failure = Error(code="internal", message=message)
            raise Closing(WSCloseCode.INTERNAL_ERROR, "internal", failure) from None
        self.seat, self._flow = seat, seat.flow
        return seat, resumed

    def _refuse(self, size: int = 0, sequence: int | None = None) -> None:
        """Something is over a limit: the client is told, or cut off.

        Args:
            sequence: Of the frame that it is.
        """
        flow = self._flow
        message = (
            f"too much at once: at most {flow.frames_per_second:g} frames and "
            f"{flow.bytes_per_second} bytes a second are taken"
        )
        if not flow.refused(size):
            raise broken_rule("rate_limited", message)
        if flow.tell():
            self._answer(Error(code="rate_limited", message=message, sequence=sequence))

    def _answer(self, error: Error) -> None:
        metrics.told(error, None)
        self._client.send(error)
