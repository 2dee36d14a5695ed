"""What is refused before there is a WebSocket, and how many of one address there may be."""

from __future__ import annotations

import asyncio
import re

import aiohttp
import pytest

from sightline.bus import Bus
from sightline_gateway.serving.limits import FAILURES
from support.gateway_clients import SECONDS, SECRET, bearer, connected, gateway, reset
from support.model_servers import OpenAIServer

HERE = {"X-Forwarded-For": "203.0.113.7"}
THERE = {"X-Forwarded-For": "198.51.100.9"}
PROXY = "127.0.0.0/8"


@pytest.mark.parametrize("name", ["token", "access_token", "Authorization", "whatever"])
async def test_a_token_in_the_url_is_refused_and_not_logged(
    name: str,
    bus: Bus,
    model: OpenAIServer,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(0)
    shown = bearer("vs_1")[1].removeprefix("bearer.")
    async with gateway(bus, model, jwt_secret=SECRET) as server:
        with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
            async with connected(server, query=f"?{name}={shown}"):
                pass
        assert caught.value.status == 400
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"http://127.0.0.1:{server.port}/ws?{name}={shown}") as answer,
        ):
            assert "expected no token in the URL" in await answer.text()
    written = "".join(capfd.readouterr()) + caplog.text
    assert shown not in written


@pytest.mark.parametrize("protocols", [["chat"], ["bearer.eyJhbGciOiJub25lIn0.e30."]])
async def test_other_subprotocols_are_refused_and_not_logged(
    protocols: list[str], bus: Bus, model: OpenAIServer, caplog: pytest.LogCaptureFixture
) -> None:
    async with gateway(bus, model) as server:
        with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
            async with connected(server, *protocols):
                pass
        assert caught.value.status == 400
    assert protocols[0] not in caplog.text


async def test_without_a_secret_a_token_does_no_harm(bus: Bus, model: OpenAIServer) -> None:
    async with gateway(bus, model) as server, connected(server, *bearer("vs_1")) as client:
        assert client.socket.protocol == "sightline"
        await client.send("authenticate", token="anything")
        assert await client.asks() == "I see."


async def test_what_is_no_websocket_is_told_so(bus: Bus, model: OpenAIServer) -> None:
    async with (
        gateway(bus, model) as server,
        aiohttp.ClientSession() as session,
        session.get(f"http://127.0.0.1:{server.port}/ws") as answer,
    ):
        assert answer.status == 400


async def test_one_address_has_so_many_connections_and_no_more(bus: Bus, model: OpenAIServer) -> None:
    settings = {"max_sessions_per_address": 1, "trusted_proxies": PROXY}
    async with gateway(bus, model, **settings) as server, connected(server, headers=HERE) as first:
        await first.next("session_init")
        async with connected(server, headers=HERE) as second:
            assert await second.closed() == 1013
            assert "too many connections from this address" in second.of("error")[0]["message"]
        async with connected(server, headers=THERE) as other:
            assert await other.asks() == "I see."
        assert await first.asks() == "I see."


async def test_an_address_that_is_made_up_counts_for_nothing(bus: Bus, model: OpenAIServer) -> None:
    async with (
        gateway(bus, model, max_sessions_per_address=1) as server,
        connected(server, headers=HERE) as first,
        connected(server, headers=HERE) as second,
    ):
        # Both are of this machine, which is not limited.
        assert await first.asks() == await second.asks() == "I see."


async def test_who_comes_back_without_its_session_makes_room_for_itself(
    bus: Bus, model: OpenAIServer
) -> None:
    settings = {"max_sessions_per_address": 1, "trusted_proxies": PROXY}
    async with gateway(bus, model, **settings) as server:
        async with connected(server, headers=HERE) as client:
            await client.asks()
            (before,) = server.registry
            reset(client)
        while True:
            async with connected(server, headers=HERE) as client:
                await client.receive()
                if client.of("error"):  # the dropped connection was not missed yet
                    assert await client.closed() == 1013
                    continue
                assert await client.asks() == "I see."
                await before.ended.wait()
                (after,) = server.registry
                assert after.session_id != before.session_id
                break


async def test_an_address_that_never_authenticates_has_to_wait(bus: Bus, model: OpenAIServer) -> None:
    settings = {"jwt_secret": SECRET, "trusted_proxies": PROXY}
    async with gateway(bus, model, **settings) as server:
        for _ in range(FAILURES):
            async with connected(server, "sightline", "bearer.x", headers=HERE) as guesser:
                assert await guesser.closed() == 1008
        async with connected(server, *bearer("vs_1"), headers=HERE) as guesser:
            assert await guesser.closed() == 1013
            assert "too many failed attempts" in guesser.of("error")[0]["message"]
        async with connected(server, *bearer("vs_1"), headers=THERE) as other:
            assert await other.asks() == "I see."


async def test_a_request_without_a_host_gets_no_websocket(bus: Bus, model: OpenAIServer) -> None:
    async with gateway(bus, model) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(b"GET /ws HTTP/1.1\r\nConnection: close\r\n\r\n")
        async with asyncio.timeout(SECONDS):
            assert (await reader.read()).split()[1] in (b"400", b"403")
        writer.close()
        await writer.wait_closed()


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/", "text/html"),
        ("/static/sightline.js", "(text|application)/javascript"),
        ("/static/style.css", "text/css"),
        ("/schema.json", r"application/schema\+json"),
        ("/asyncapi.json", "application/json"),
    ],
)
async def test_the_page_and_the_documents_are_served_and_kept_to_themselves(
    path: str, kind: str, bus: Bus, model: OpenAIServer
) -> None:
    async with (
        gateway(bus, model) as server,
        aiohttp.ClientSession() as session,
        session.get(f"http://127.0.0.1:{server.port}{path}") as answer,
    ):
        assert answer.status == 200
        assert re.fullmatch(kind, answer.content_type)
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "script-src 'self';" in policy
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "camera=(self)" in answer.headers["Permissions-Policy"]


@pytest.mark.parametrize(
    "path",
    ["/static/", "/static/../server.py", "/static/..%2fserver.py", "/static/%2e%2e/server.py", "/nothing"],
)
async def test_nothing_else_is_served(path: str, bus: Bus, model: OpenAIServer) -> None:
    async with gateway(bus, model) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode())
        answer = (await reader.read()).decode(errors="replace")
        writer.close()
        await writer.wait_closed()
        assert answer.split()[1] in ("403", "404")
        assert "Content-Security-Policy" in answer


@pytest.mark.parametrize("beginning", [b"", b"GET /ws HTTP/1.1\r\nHost: 127.0.0.1\r\n"])
async def test_a_connection_that_asks_for_nothing_is_closed(
    beginning: bytes, bus: Bus, model: OpenAIServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sightline_gateway.serving.server.HTTP_SECONDS", 0.2)
    async with gateway(bus, model) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(beginning)
        async with asyncio.timeout(SECONDS):
            assert await reader.read() == b""
        writer.close()
        await writer.wait_closed()
