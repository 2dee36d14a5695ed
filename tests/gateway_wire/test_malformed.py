"""Whatever a client sends, it is answered or cut off; nothing breaks, and others are served."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from sightline.bus import Bus
from sightline.errors import DecodeError
from sightline_gateway.protocol.incoming import parse
from sightline_gateway.serving.server import PATH, GatewayServer
from support.gateway_clients import PICTURE, SECONDS, Client, connected, counted, gateway, undisturbed
from support.model_servers import OpenAIServer

# The server is the same for all examples, as it is for all clients.
shared = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])

PICTURES = st.sampled_from([PICTURE, PICTURE[: len(PICTURE) // 2], b"GIF89a", b"<svg/>", b""]) | st.binary()
JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=50),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=5,
)
HUGE = st.sampled_from([-1, 0, 1, 2**31, 2**53, 2**63, 2**64, 10**30, -(10**30), 1e308, "", "x" * 9_000])


def image(data: bytes) -> dict[str, Any]:
    return {"data": base64.b64encode(data).decode(), "format": "jpeg", "width": 640, "height": 360}


MESSAGES = st.one_of(
    st.fixed_dictionaries(
        {
            "type": st.just("video_frame"),
            "sessionId": st.just("") | st.text(max_size=9),
            "sequence": st.integers(0, 9),
            "timestamp": st.integers(0, 2**53),
            "triggerReason": st.sampled_from(["timer", "initial", "user_request", "scene_change"]),
            "image": PICTURES.map(image),
        }
    ),
    st.just({"type": "audio", "data": "AAAA", "format": "webm", "sampleRate": 48_000}),
    st.just({"type": "interrupt", "reason": "enough"}),
    st.just({"type": "authenticate", "token": "x"}),
    st.just({"type": "client_ready", "sessionId": "x", "resumeKey": "y", "capabilities": {"video": True}}),
)


@st.composite
def damaged(draw: st.DrawFn) -> dict[str, Any]:
    """A message with something in it left out or replaced, at any depth."""
    message: dict[str, Any] = json.loads(json.dumps(draw(MESSAGES)))
    for _ in range(draw(st.integers(1, 3))):
        inner = message
        name = draw(st.sampled_from(sorted(inner)))
        if isinstance(inner[name], dict) and inner[name] and draw(st.booleans()):
            inner = inner[name]
            name = draw(st.sampled_from(sorted(inner)))
        if draw(st.booleans()) and len(inner) > 1:
            del inner[name]
        else:
            inner[name] = draw(JUNK | HUGE)
    return message


TEXTS = (damaged().map(json.dumps) | JUNK.map(json.dumps) | st.text(max_size=200)).map(
    lambda text: text.encode("utf-8", "replace").decode()
)
BINARIES = st.binary(max_size=300) | st.tuples(damaged().map(json.dumps), st.binary(max_size=300)).map(
    lambda parts: parts[0].encode() + b"\n" + parts[1]
)


@pytest.fixture
async def server(bus: Bus, model: OpenAIServer) -> AsyncIterator[GatewayServer]:
    """A gateway, with somebody who is served all the time; ends without an error of its own."""
    failures = counted("errors_total", code="internal"), counted("connections_total", code="1011")
    async with gateway(bus, model, resume_seconds=0) as running, undisturbed(running):
        yield running
    assert failures == (counted("errors_total", code="internal"), counted("connections_total", code="1011"))


async def answered(client: Client, payload: str | bytes) -> bool:
    """Send this, and a question behind it. Returns whether there was an error in between; or the end."""
    try:
        await client.socket.send_frame(
            payload if isinstance(payload, bytes) else payload.encode(),
            2 if isinstance(payload, bytes) else 1,
        )
        await client.send("are you there")
    except ConnectionError:
        return True
    errors = 0
    async with asyncio.timeout(SECONDS):
        while await client.receive():
            newest = client.messages[-1]
            if newest["type"] == "error":
                if "are you there" in newest["message"]:
                    return errors > 0
                errors += 1
    assert client.socket.close_code in (1007, 1008, 1009), client.messages
    return True


def is_wrong(payload: str | bytes) -> bool:
    with contextlib.suppress(DecodeError):
        parse(payload)
        return False
    return True


@shared
@given(payload=TEXTS)
async def test_any_text_is_answered_or_the_end(server: GatewayServer, payload: str) -> None:
    async with connected(server) as client:
        assert await answered(client, payload) or not is_wrong(payload)


@shared
@given(payload=BINARIES)
async def test_any_binary_message_is_answered_or_the_end(server: GatewayServer, payload: bytes) -> None:
    async with connected(server) as client:
        assert await answered(client, payload) or not is_wrong(payload)


@shared
@given(payloads=st.lists(TEXTS | BINARIES, max_size=20))
async def test_any_conversation_ends_or_goes_on(server: GatewayServer, payloads: list[str | bytes]) -> None:
    async with connected(server) as client:
        for payload in payloads:
            await answered(client, payload)
            if client.socket.closed:
                return


@shared
@given(data=st.binary(max_size=500), masked=st.booleans())
async def test_any_bytes_after_the_handshake_end_in_silence(
    server: GatewayServer, data: bytes, masked: bool
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(
        f"GET {PATH} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n".encode()
    )
    assert b"101" in await reader.readline()
    if masked:  # as a client must, else it is over with the first byte
        data = bytes([0x81 if data[:1] < b"\x80" else 0x82, 0x80 | min(len(data), 125), 0, 0, 0, 0]) + data
    writer.write(data)
    with contextlib.suppress(ConnectionError):
        writer.write_eof()
        async with asyncio.timeout(SECONDS):
            await reader.read()
    writer.close()
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()
