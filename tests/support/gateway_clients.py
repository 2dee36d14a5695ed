"""A running gateway, and clients of it that speak the protocol themselves, well or badly."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import socket
import struct
import time
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import aiohttp
from prometheus_client import REGISTRY

from sightline.bus import Bus
from sightline_gateway.serving.server import PATH, GatewayServer
from sightline_gateway.serving.tokens import Tokens
from sightline_gateway.session import VideoSession
from sightline_gateway.session.agent import GatewayAgent
from sightline_gateway.session.models import Models
from sightline_gateway.settings import GatewaySettings, SessionSettings
from support.agents import talking_to
from support.frames import jpeg
from support.model_servers import OpenAIServer
from support.scenes import scene

SECONDS = 30.0
"""Longer than anything here takes: what comes later does not come."""

SECRET = "a secret of the tests, long enough to be one"

Json = dict[str, Any]


@contextlib.asynccontextmanager
async def gateway(bus: Bus, model: OpenAIServer, **settings: Any) -> AsyncIterator[GatewayServer]:
    """A gateway of this process, whose sessions ask for nothing by themselves and talk with `model`."""
    sessions = SessionSettings(timer_interval=0, frame_wait=0)
    vision = talking_to(model)
    models = await asyncio.to_thread(Models.configured, vision)

    def make(session_id: str, participant: str) -> VideoSession:
        return VideoSession(
            bus,
            session_id=session_id,
            settings=sessions,
            agent=GatewayAgent(vision),
            models=models,
            participant=participant,
        )

    try:
        async with GatewayServer(
            make, GatewaySettings(**{"port": 0, "ping_seconds": 600, **settings}), sessions
        ) as server:
            yield server
    finally:
        await models.aclose()


def bearer(session_id: str, participant: str = "client", age: float = 0, **settings: Any) -> tuple[str, str]:
    """The subprotocols with a token of a minute.

    Args:
        age: Seconds since it was issued.
        settings: Of the gateway that issued it.
    """
    issuer = Tokens(GatewaySettings(**{"jwt_secret": SECRET, **settings}), clock=lambda: time.time() - age)
    return "sightline", f"bearer.{issuer.issue(session_id, 60, participant)}"


class Client:
    """One WebSocket, with all that it was sent.

    Attributes:
        messages: In order; binary ones with their bytes as `data`.
    """

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket
        self.messages: list[Json] = []
        self._read = 0

    async def send(self, type: str, **fields: Any) -> None:
        """A text message."""
        await self.socket.send_str(json.dumps({"type": type, **fields}))

    async def frame(self, sequence: int = 1, data: bytes = b"", **fields: Any) -> None:
        """A picture, in base64."""
        image = {"data": base64.b64encode(data or PICTURE).decode(), "format": "jpeg"}
        await self.send("video_frame", sequence=sequence, image=image, **fields)

    async def next(self, type: str, true: Callable[[Json], bool] = lambda _: True) -> Json:
        """The next message of a type, of those that nobody has asked for yet."""
        async with asyncio.timeout(SECONDS):
            while True:
                while self._read < len(self.messages):
                    message = self.messages[self._read]
                    self._read += 1
                    if message["type"] == type and true(message):
                        return message
                assert await self.receive(), f"closed with {self.socket.close_code} before {type} came"

    async def asks(self, text: str = "What do you see?") -> str:
        """A turn; the reply."""
        await self.send("transcript", text=text)
        return str((await self.next("response_complete"))["text"])

    async def closed(self) -> int | None:
        """Read to the end; the code of the close frame."""
        async with asyncio.timeout(SECONDS):
            while await self.receive():
                pass
        return self.socket.close_code

    def of(self, type: str) -> list[Json]:
        """The messages of a type so far."""
        return [message for message in self.messages if message["type"] == type]

    async def receive(self) -> bool:
        """Read one message. Returns whether there was one."""
        message = await self.socket.receive()
        if message.type is aiohttp.WSMsgType.TEXT:
            self.messages.append(json.loads(message.data))
        elif message.type is aiohttp.WSMsgType.BINARY:
            header, _, data = message.data.partition(b"\n")
            self.messages.append(json.loads(header) | {"data": data})
        else:
            return False
        return True


@contextlib.asynccontextmanager
async def connected(
    server: GatewayServer,
    *protocols: str,
    headers: dict[str, str] | None = None,
    receive_buffer: int | None = None,
    query: str = "",
) -> AsyncIterator[Client]:
    """A connection to the gateway.

    Args:
        protocols: Subprotocols that it offers.
        receive_buffer: Bytes that the system keeps for this client.
    """
    connector = aiohttp.TCPConnector(socket_factory=_sockets(receive_buffer))
    url = f"http://127.0.0.1:{server.port}{PATH}{query}"
    async with (
        aiohttp.ClientSession(connector=connector) as session,
        session.ws_connect(url, protocols=protocols, headers=headers, max_msg_size=0) as opened,
    ):
        yield Client(opened)


def _sockets(receive_buffer: int | None) -> Callable[[Sequence[Any]], socket.socket]:
    def make(address: Sequence[Any]) -> socket.socket:
        family, kind, protocol, *_ = address
        made = socket.socket(family, kind, protocol)
        made.setblocking(False)
        if receive_buffer is not None:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        return made

    return make


@contextlib.asynccontextmanager
async def undisturbed(server: GatewayServer, *protocols: str) -> AsyncIterator[Client]:
    """Another client, which is answered before and after whatever happens meanwhile, on one connection."""
    async with connected(server, *protocols) as bystander:
        assert await bystander.asks("Are you there?")
        yield bystander
        await bystander.frame()
        assert (await bystander.next("frame_received"))["sequence"] == 1
        assert await bystander.asks("And still?")


def reset(client: Client) -> None:
    """Drop the connection as a crash does: without a close frame, by a TCP reset."""
    raw = client.socket.get_extra_info("socket")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.socket._writer.transport.abort()


def counted(name: str, **labels: str) -> float:
    """A counter of this process's metrics."""
    return REGISTRY.get_sample_value(f"sightline_gateway_{name}", labels) or 0.0


PICTURE = jpeg(scene((200, 30, 30), ""))
