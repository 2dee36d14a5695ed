"""The gateway ends: replies in progress first, then everybody is let go."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from asyncio.subprocess import PIPE

import aiohttp
import jwt

from sightline.bus import Bus
from sightline.embedded import tethered
from support.gateway_clients import SECONDS, SECRET, Client, connected, gateway
from support.gateway_process import running_gateway
from support.model_servers import Fault, OpenAIServer
from support.nats_server import Server


async def test_a_reply_in_progress_is_finished_and_nobody_new_is_taken(bus: Bus, model: OpenAIServer) -> None:
    async with gateway(bus, model) as server, connected(server) as busy, connected(server) as idle:
        await idle.next("session_init")
        model.fault = Fault.HANG
        await busy.send("transcript", text="What do you see?")
        await busy.next("text", lambda text: text["role"] == "user")
        draining = asyncio.create_task(server.drain(SECONDS))
        assert await idle.closed() == 1001
        async with connected(server) as late:
            assert await late.closed() == 1013
        await busy.send("transcript", text="And now?")
        assert "is stopping" in (await busy.next("error"))["message"]
        model.fault = None
        model.release()
        assert (await busy.next("response_complete"))["text"] == "I see."
        assert await busy.closed() == 1001
        await draining


async def test_a_reply_that_takes_too_long_does_not_keep_the_gateway(bus: Bus, model: OpenAIServer) -> None:
    async with gateway(bus, model) as server, connected(server) as busy:
        model.fault = Fault.HANG
        await busy.send("transcript", text="What do you see?")
        await busy.next("text", lambda text: text["role"] == "user")
        draining = asyncio.create_task(server.drain(0.1))
        assert await busy.closed() == 1001
        await draining
        model.release()


async def test_all_sessions_are_over_when_the_gateway_is(bus: Bus, model: OpenAIServer) -> None:
    async with gateway(bus, model) as server, connected(server) as client:
        await client.asks()
        (seat,) = server.registry
    assert seat.ended.is_set()
    assert len(server.registry) == 0


async def test_a_process_that_is_told_to_stop_says_goodbye(nats: Server) -> None:
    running = running_gateway(nats.url)
    process = await running.__aenter__()
    async with aiohttp.ClientSession() as session, session.ws_connect(f"{process.url}ws") as socket:
        client = Client(socket)
        assert "No language model is configured" in await client.asks()
        # Its end is a SIGTERM, and an exit status of 0.
        ending = asyncio.create_task(running.__aexit__(None, None, None))
        assert await client.closed() == 1001
        await ending


async def ended(*arguments: str, **environment: str) -> tuple[int, str]:
    """Run the gateway until it ends by itself: its status, and what it wrote."""
    process = await asyncio.create_subprocess_exec(
        *tethered(sys.executable, "-m", "sightline_gateway", *arguments),
        stdout=PIPE,
        stderr=PIPE,
        env={**os.environ, **environment},
    )
    async with asyncio.timeout(SECONDS):
        out, err = await process.communicate()
    assert process.returncode is not None
    return process.returncode, (out + err).decode()


async def test_the_command_explains_itself() -> None:
    status, said = await ended("--help")
    assert status == 0
    assert "GATEWAY_JWT_SECRET" in said


async def test_an_open_address_without_a_secret_stops_the_start() -> None:
    status, said = await ended(GATEWAY_HOST="0.0.0.0")
    assert status == 2
    assert said.count("\n") == 1
    assert "gateway: GATEWAY_JWT_SECRET: expected a secret, because GATEWAY_HOST=0.0.0.0" in said


async def test_a_bad_list_stops_the_start() -> None:
    status, said = await ended(GATEWAY_ALLOWED_ORIGINS="*")
    assert (status, said.count("\n")) == (2, 1)
    assert "GATEWAY_ALLOWED_ORIGINS" in said


async def test_an_open_address_with_a_secret_is_served(nats: Server) -> None:
    async with (
        running_gateway(nats.url, GATEWAY_HOST="0.0.0.0", GATEWAY_JWT_SECRET=SECRET) as process,
        aiohttp.ClientSession() as session,
    ):
        async with session.ws_connect(f"{process.url}ws") as socket:
            await socket.send_json({"type": "transcript", "text": "hello"})
            assert await Client(socket).closed() == 1008
        claims = {"aud": "sightline-gateway", "exp": time.time() + 60, "session": "vs_1"}
        token = jwt.encode(claims, SECRET, algorithm="HS256")
        protocols = ("sightline", f"bearer.{token}")
        async with session.ws_connect(f"{process.url}ws", protocols=protocols) as socket:
            assert (await Client(socket).next("session_init"))["sessionId"] == "vs_1"
