"""Clients that behave badly: each is cut off with the code that fits, and nobody else notices."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest

from sightline.bus import Bus
from sightline_gateway.serving.limits import OFFENCES, PATIENCE
from sightline_gateway.serving.server import PATH, GatewayServer, largest_message
from sightline_gateway.settings import GatewaySettings
from support.gateway_clients import (
    SECONDS,
    SECRET,
    Client,
    bearer,
    connected,
    counted,
    gateway,
    reset,
    undisturbed,
)
from support.model_servers import OpenAIServer
from support.recorded import Recorded

MOST = largest_message(GatewaySettings())


async def pour(client: Client, messages: int) -> None:
    """Send pictures as fast as they go, until all are sent or the gateway has had enough."""
    try:
        for sequence in range(messages):
            await client.frame(sequence)
    except ConnectionError:
        pass


async def test_a_flood_of_pictures_is_cut_off_as_a_broken_rule(bus: Bus, model: OpenAIServer) -> None:
    async with gateway(bus, model) as server, undisturbed(server), connected(server) as client:
        pouring = asyncio.create_task(pour(client, 50 * PATIENCE))
        assert await client.closed() == 1008
        await pouring
        errors = client.of("error")
        assert {error["code"] for error in errors} <= {"rate_limited", "busy"}
        assert errors[-1]["code"] == "rate_limited"
        assert "at most 5 frames" in errors[-1]["message"]
        # Told once in a while, and not for each of them.
        assert len(errors) < PATIENCE / 2


async def test_a_client_that_is_a_little_too_fast_is_told_and_goes_on(bus: Bus, model: OpenAIServer) -> None:
    async with gateway(bus, model) as server, connected(server) as client:
        await pour(client, 30)
        assert await client.next("error", lambda error: error["code"] == "rate_limited")
        assert await client.asks() == "I see."
        assert client.of("frame_received")


async def test_a_flood_of_bytes_is_cut_off_as_a_broken_rule(bus: Bus, model: OpenAIServer) -> None:
    async with (
        gateway(bus, model, max_bytes_per_second=1024) as server,
        undisturbed(server),
        connected(server) as client,
    ):
        pouring = asyncio.create_task(pour(client, 50 * PATIENCE))
        assert await client.closed() == 1008
        await pouring


async def test_a_message_larger_than_any_may_be_is_cut_off_as_too_big(bus: Bus, model: OpenAIServer) -> None:
    async with gateway(bus, model) as server, undisturbed(server), connected(server) as client:
        await client.next("session_init")
        sending = asyncio.create_task(client.socket.send_bytes(b"x" * (4 * MOST)))
        assert await client.closed() == 1009
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)


async def test_who_reads_only_once_all_is_sent_still_learns_why(bus: Bus, model: OpenAIServer) -> None:
    async with gateway(bus, model) as server, undisturbed(server):
        reader, writer = await upgraded(server)
        size = 2 * MOST
        writer.write(b"\x82\xff" + size.to_bytes(8, "big") + b"\0\0\0\0")
        for _ in range(size // 65_536):
            writer.write(b"x" * 65_536)
            await writer.drain()
        async with asyncio.timeout(SECONDS):
            assert (1009).to_bytes(2, "big") in await reader.read()
        writer.close()
        await writer.wait_closed()


async def upgraded(server: GatewayServer) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A WebSocket without a client that would answer pings, or read what it is sent."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(
        f"GET {PATH} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n".encode()
    )
    await reader.readuntil(b"\r\n\r\n")
    return reader, writer


@pytest.mark.parametrize(
    "sent",
    [
        b"{",
        b"hello",
        b"",
        b'{"type": "transcript", "text": "no end',
        b'"\xed\xa0\x80"',
        b"\xff\xfe",
        b"\xc3(",
    ],
)
async def test_what_is_no_json_is_cut_off_as_bad_data(sent: bytes, bus: Bus, model: OpenAIServer) -> None:
    async with gateway(bus, model) as server, undisturbed(server), connected(server) as client:
        await client.socket.send_frame(sent, aiohttp.WSMsgType.TEXT)
        assert await client.closed() == 1007


@pytest.mark.parametrize("sent", [b"", b"\0" * 100, b"{}", b'{"type": "audio"\n', b"\xff\n"])
async def test_binary_that_does_not_begin_with_json_is_cut_off_as_bad_data(
    sent: bytes, bus: Bus, model: OpenAIServer
) -> None:
    async with gateway(bus, model) as server, undisturbed(server), connected(server) as client:
        await client.socket.send_bytes(sent)
        assert await client.closed() == 1007
        assert client.of("error")[0]["code"] == "bad_message"


async def test_who_only_talks_nonsense_is_cut_off_as_bad_data(bus: Bus, model: OpenAIServer) -> None:
    async with gateway(bus, model) as server, undisturbed(server), connected(server) as client:
        for _ in range(OFFENCES + 1):
            await client.send("nonsense")
        assert await client.closed() == 1007
        assert len(client.of("error")) == OFFENCES + 1


async def test_a_client_that_does_not_read_is_cut_off_and_nothing_is_kept_for_it(
    bus: Bus, model: OpenAIServer
) -> None:
    async with (
        gateway(bus, model, send_bytes=64 * 1024) as server,
        undisturbed(server),
        connected(server, receive_buffer=4096) as client,
    ):
        await client.next("session_init")
        gone = asyncio.Event()
        await client.send("client_ready", sessionId="slow")
        await client.next("session_init")
        (session,) = [seat.session for seat in server.registry if seat.session_id == "slow"]
        session.on("disconnected", lambda _: gone.set())
        model.answer = long_story
        await client.send("transcript", text="Tell me all of it.")
        async with asyncio.timeout(SECONDS):
            await gone.wait()
        assert await client.closed() == 1013
        assert sum(len(str(message)) for message in client.messages) < 2_000_000


async def test_a_client_that_never_reads_again_is_dropped(bus: Bus, model: OpenAIServer) -> None:
    model.answer = long_story
    async with (
        gateway(bus, model, send_bytes=64 * 1024) as server,
        undisturbed(server),
        connected(server, receive_buffer=4096) as client,
    ):
        before = counted("connections_total", code="1013")
        await client.send("transcript", text="Tell me all of it.")
        async with asyncio.timeout(SECONDS):
            while counted("connections_total", code="1013") == before:  # noqa: ASYNC110 - it has no event
                await asyncio.sleep(0.05)


def long_story(request: Recorded) -> str:
    """Eight megabytes, for who wants to hear all of it."""
    return ("x" * 20_000 + " ") * 400 if "all of it" in str(request.messages[-1]) else "I see."


async def test_who_begins_without_a_token_is_cut_off_as_a_broken_rule(bus: Bus, model: OpenAIServer) -> None:
    async with (
        gateway(bus, model, jwt_secret=SECRET) as server,
        undisturbed(server, *bearer("vs_other")),
        connected(server) as client,
    ):
        await client.send("transcript", text="hello")
        assert await client.closed() == 1008
        assert [error["code"] for error in client.of("error")] == ["wrong_order"]
        assert [seat.session_id for seat in server.registry] == ["vs_other"]


async def test_who_says_nothing_is_cut_off_in_time(bus: Bus, model: OpenAIServer) -> None:
    async with (
        gateway(bus, model, jwt_secret=SECRET, auth_seconds=0.2) as server,
        undisturbed(server, *bearer("vs_other")),
        connected(server) as client,
    ):
        assert await client.closed() == 1008
        assert client.of("error")[0]["code"] == "unauthorized"
        assert "within 0.2 s" in client.of("error")[0]["message"]


async def test_who_authenticates_twice_is_cut_off_as_a_broken_rule(bus: Bus, model: OpenAIServer) -> None:
    async with (
        gateway(bus, model, jwt_secret=SECRET) as server,
        undisturbed(server, *bearer("vs_other")),
        connected(server, *bearer("vs_1")) as client,
    ):
        await client.next("session_init")
        await client.send("authenticate", token=bearer("vs_1")[1].removeprefix("bearer."))
        assert await client.closed() == 1008
        assert client.of("error")[0]["code"] == "wrong_order"


async def test_who_changes_the_session_is_cut_off_as_a_broken_rule(bus: Bus, model: OpenAIServer) -> None:
    async with gateway(bus, model) as server, undisturbed(server), connected(server) as client:
        await client.asks()
        await client.send("client_ready", sessionId="another")
        assert await client.closed() == 1008
        assert client.of("error")[0]["code"] == "wrong_order"


@pytest.mark.parametrize("origin", ["https://evil.example", "null"])
async def test_a_page_from_elsewhere_gets_no_websocket(origin: str, bus: Bus, model: OpenAIServer) -> None:
    async with gateway(bus, model) as server, undisturbed(server):
        with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
            async with connected(server, headers={"Origin": origin}):
                pass
        assert caught.value.status == 403


async def test_a_page_of_the_gateways_own_gets_one(bus: Bus, model: OpenAIServer) -> None:
    async with gateway(bus, model) as server:
        own = {"Origin": f"http://127.0.0.1:{server.port}"}
        async with connected(server, headers=own) as client:
            assert await client.asks() == "I see."


async def test_a_name_that_was_made_to_lead_here_gets_no_websocket(bus: Bus, model: OpenAIServer) -> None:
    async with gateway(bus, model) as server:
        name = f"evil.example:{server.port}"
        with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
            async with connected(server, headers={"Host": name, "Origin": f"http://{name}"}):
                pass
        assert caught.value.status == 403


async def test_who_comes_when_it_is_full_is_told_to_try_later(bus: Bus, model: OpenAIServer) -> None:
    async with gateway(bus, model, max_sessions=2) as server, undisturbed(server):
        async with connected(server) as second:
            await second.next("session_init")
            async with connected(server) as third:
                assert await third.closed() == 1013
                assert third.of("error")[0]["code"] == "busy"
        async with connected(server) as again:
            assert await again.asks() == "I see."


async def test_a_connection_that_is_reset_leaves_nothing_behind(bus: Bus, model: OpenAIServer) -> None:
    async with (
        gateway(bus, model, resume_seconds=0) as server,
        undisturbed(server),
        connected(server) as client,
    ):
        await client.send("client_ready", sessionId="reset")
        await client.asks()
        (seat,) = [seat for seat in server.registry if seat.session_id == "reset"]
        reset(client)
        async with asyncio.timeout(SECONDS):
            await seat.ended.wait()


async def test_a_dead_peer_is_noticed(bus: Bus, model: OpenAIServer) -> None:
    async with gateway(bus, model, ping_seconds=0.2) as server:
        reader, writer = await upgraded(server)
        async with asyncio.timeout(SECONDS):
            await reader.read()
        writer.close()
        await writer.wait_closed()
