"""A client of the gateway for Python: tests, scripts, devices.

Small, and typed by the protocol's own messages::

    async with GatewayClient("http://127.0.0.1:8090", camera=take_picture) as client:
        await client.send_frame(Path("desk.jpg").read_bytes(), format="jpeg")
        reply = await client.ask("What do you see?")
        print(reply.text)
"""

from __future__ import annotations

import asyncio
import base64
import inspect
import time
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import Literal, Self, TypeVar

import aiohttp

from sightline.errors import DecodeError, SightlineError
from sightline.messages import Trigger
from sightline_gateway.client.inbox import (
    ClosedError as ClosedError,
    Inbox,
    RefusedError as RefusedError,
    Reply as Reply,
    TurnReply,
    session_of,
    taken_frame,
)
from sightline_gateway.protocol import (
    Audio,
    AudioChunk,
    Capabilities,
    CaptureFrame,
    ClientMessage,
    ClientReady,
    FrameReceived,
    Image,
    Interrupt,
    ServerMessage,
    SessionInit,
    Transcript,
    VideoFrame,
    from_server,
)
from sightline_gateway.protocol.binary import as_text, decode, pack, unpack_server
from sightline_gateway.serving.handshake import BEARER, SUBPROTOCOL

Camera = Callable[[CaptureFrame], bytes | Awaitable[bytes | None] | None]
"""Takes a picture when the gateway asks for one; None where there is none to take."""

Format = Literal["webp", "jpeg", "png"]
M = TypeVar("M", bound=ServerMessage)

CLOSE_SECONDS = 2.0
MAX_MESSAGE = 64 * 1024 * 1024


class GatewayClient:
    """One connection. It does not connect again by itself: ``resume`` takes up a session that was lost.

    Args:
        url: Of the gateway: ``http://host:port`` or ``ws://host:port/ws``.
        token: Shown as a subprotocol, where the gateway wants one.
        camera: What ``capture_frame`` is answered with: a function, a coroutine function, or a file that is
            read each time. None answers nothing, and tells the gateway that there is no video.
        format: Of the camera's pictures.
        binary: Send pictures and recordings as binary messages, without base64; take speech so, too.
        audio: Whether replies are to be spoken.
        session_id: A name for the session; by default the gateway makes one up.
        resume: The ``session`` of a client whose connection was lost.
    """

    def __init__(
        self,
        url: str,
        *,
        token: str = "",
        camera: Camera | Path | None = None,
        format: Format = "webp",
        binary: bool = False,
        audio: bool = False,
        session_id: str | None = None,
        resume: SessionInit | None = None,
    ) -> None:
        self._url = _websocket(url)
        self._token = token
        self._camera = _reads(camera) if isinstance(camera, Path) else camera
        self._format: Format = format
        self._binary = binary
        self._ready = ClientReady(
            capabilities=Capabilities(video=camera is not None, audio=audio, binary=binary),
            session_id=resume.session_id if resume else session_id,
            resume_key=resume.resume_key if resume else None,
        )
        self._inbox = Inbox()
        self.session = SessionInit(session_id="none", resume_key="")
        self.sequence = 0
        self._last_hash: str | None = None
        self._answers: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        """Connect, say what this client can do, and wait for the session.

        Raises:
            aiohttp.ClientError: There is no gateway, or it does not take this client.
            RefusedError: The session is not this client's.
        """
        async with AsyncExitStack() as stack:
            http = await stack.enter_async_context(aiohttp.ClientSession())
            self._socket = await http.ws_connect(
                self._url, protocols=_protocols(self._token), max_msg_size=MAX_MESSAGE
            )
            self._reader = asyncio.create_task(self._read())
            stack.push_async_callback(self._close)
            await self.until(SessionInit)
            answered = self._inbox.expect(session_of)
            await self._send(self._ready)
            self.session = await answered
            self._resources = stack.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._resources.aclose()

    @property
    def messages(self) -> deque[ServerMessage]:
        """What the gateway said, the newest thousand."""
        return self._inbox.messages

    @property
    def closed(self) -> ClosedError | None:
        """How the connection ended; None while it lasts."""
        return self._inbox.closed

    async def send_frame(
        self,
        data: bytes,
        *,
        trigger: Trigger = Trigger.TIMER,
        format: Format | None = None,
        width: int = 640,
        height: int = 480,
    ) -> FrameReceived:
        """Send a picture, and wait until it was taken.

        Args:
            data: An encoded picture.
            width: In pixels, as ``height``: a hint, the picture itself tells.

        Raises:
            RefusedError: It was not taken.
        """
        sequence = self.sequence = self.sequence + 1
        taken = self._inbox.expect(lambda message: taken_frame(message, sequence))
        text, binary = ("", data) if self._binary else (_base64(data), b"")
        frame = VideoFrame(
            session_id=self.session.session_id,
            sequence=sequence,
            timestamp=time.time_ns() // 1_000_000,
            trigger_reason=trigger,
            previous_frame_ref=self._last_hash,
            image=Image(data=text, format=format or self._format, width=width, height=height),
        )
        await self._send(frame, binary)
        received = await taken
        self._last_hash = received.frame_hash
        return received

    async def ask(self, text: str) -> Reply:
        """Say something, and wait for the whole reply.

        Raises:
            RefusedError: There is no reply.
        """
        return await self._turn(Transcript(text=text))

    async def say(self, data: bytes, format: str = "unknown", sample_rate: int | None = None) -> Reply:
        """The same with a recording.

        Args:
            data: A file of any audio format; or samples, mono, of 16 bits, where ``format`` is ``pcm16``.
            sample_rate: Hz, for ``pcm16``.
        """
        text, binary = ("", data) if self._binary else (_base64(data), b"")
        return await self._turn(Audio(data=text, format=format, sample_rate=sample_rate), binary)

    async def interrupt(self, reason: str = "client_request") -> None:
        """End the reply in progress."""
        await self._send(Interrupt(reason=reason))

    async def send(self, text: str | bytes) -> None:
        """Send a message as it is: whatever the protocol says of it."""
        await (self._socket.send_str(text) if isinstance(text, str) else self._socket.send_bytes(text))

    async def until(self, kind: type[M], where: Callable[[M], bool] = lambda _: True) -> M:
        """The oldest remembered message of this kind, or the first one to come.

        Raises:
            ClosedError: The connection ended without one.
        """

        def pick(message: ServerMessage) -> M | None:
            return message if isinstance(message, kind) and where(message) else None

        for message in self.messages:
            if (found := pick(message)) is not None:
                return found
        return await self._inbox.expect(pick)

    async def _turn(self, message: Transcript | Audio, data: bytes = b"") -> Reply:
        turn = TurnReply()
        replied = self._inbox.expect(turn.pick)
        await self._send(message, data)
        return await replied

    async def _send(self, message: ClientMessage, data: bytes = b"") -> None:
        try:
            await self.send(
                pack(message, data) if data and isinstance(message, VideoFrame | Audio) else as_text(message)
            )
        except ConnectionError as error:
            await asyncio.gather(self._reader, return_exceptions=True)
            raise self.closed or ClosedError(1006) from error

    async def _close(self) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._socket.close(), CLOSE_SECONDS)
        tasks = [self._reader, *self._answers]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _read(self) -> None:
        try:
            async for message in self._socket:
                if message.type is aiohttp.WSMsgType.TEXT:
                    self._take(decode(from_server, message.data))
                elif message.type is aiohttp.WSMsgType.BINARY:
                    self._take(_unpacked(message.data))
        except DecodeError as error:
            await self._socket.close(code=aiohttp.WSCloseCode.INVALID_TEXT, message=b"not of this protocol")
            self._inbox.end(ClosedError(1007, f"its message is not of this protocol: {error}"))
        finally:
            self._inbox.end(ClosedError(self._socket.close_code or 1006))

    def _take(self, message: ServerMessage) -> None:
        if isinstance(message, CaptureFrame) and self._camera is not None:
            task = asyncio.create_task(self._answer(self._camera, message))
            self._answers.add(task)
            task.add_done_callback(self._answers.discard)
        self._inbox.take(message)

    async def _answer(self, camera: Camera, request: CaptureFrame) -> None:
        picture = camera(request)
        data = await picture if inspect.isawaitable(picture) else picture
        if data:
            try:
                await self.send_frame(data, trigger=request.reason)
            except SightlineError:
                return  # also in `messages`, for whom it concerns


def _unpacked(payload: bytes) -> ServerMessage:
    """A binary message, with its data in the place where a text message has it."""
    message, data = unpack_server(payload)
    return message.model_copy(update={"data": _base64(data)}) if isinstance(message, AudioChunk) else message


def _reads(path: Path) -> Camera:
    return lambda _: asyncio.to_thread(path.read_bytes)


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _websocket(url: str) -> str:
    """The address of the WebSocket, from the gateway's.

    >>> _websocket("http://127.0.0.1:8090/")
    'ws://127.0.0.1:8090/ws'
    """
    base = url.rstrip("/")
    if base.startswith("http"):
        base = "ws" + base.removeprefix("http")
    return base if base.endswith("/ws") else f"{base}/ws"


def _protocols(token: str) -> tuple[str, ...]:
    return (SUBPROTOCOL, f"{BEARER}{token}") if token else ()
