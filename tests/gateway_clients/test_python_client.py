"""The Python client against a gateway, over WebSockets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from sightline import imaging
from sightline.messages import Trigger
from sightline_gateway.client import ClosedError, GatewayClient, RefusedError
from sightline_gateway.protocol import CaptureFrame, FrameReceived, SessionInit, TextDelta
from support.agents import completions, users_words
from support.encoded import encoded
from support.gateway_process import GatewayProcess, running_gateway
from support.nats_server import Server
from support.relay import Relay
from support.scenes import BLUE, RED, shows
from support.storyteller import BEGINNING, Storyteller

RED_WALL = encoded("WEBP", (640, 360), "#c81e1e")
BLUE_WALL = encoded("JPEG", (640, 360), "#1e3cc8")
ANSWER = "A wall."


@pytest.fixture
async def model() -> AsyncIterator[Storyteller]:
    async with Storyteller(ANSWER) as server:
        yield server


@pytest.fixture
async def gateway(nats: Server, model: Storyteller) -> AsyncIterator[GatewayProcess]:
    settings = {
        "AGENT_LLM_BASE_URL": model.url,
        "AGENT_LLM_MODEL": "test-model",
        "GATEWAY_FRAME_WAIT": "5",
        "GATEWAY_TIMER_INTERVAL": "0",
    }
    async with running_gateway(nats.url, **settings) as running:
        yield running


@pytest.mark.parametrize("binary", [False, True], ids=["base64", "binary"])
async def test_a_script_sends_a_picture_and_asks(
    gateway: GatewayProcess, model: Storyteller, stages: None, binary: bool
) -> None:
    async with GatewayClient(gateway.url, binary=binary) as client:
        received = await client.send_frame(RED_WALL, trigger=Trigger.INITIAL)
        assert (received.sequence, received.size, received.trigger_reason) == (1, len(RED_WALL), "initial")
        assert not received.duplicate
        assert (await client.send_frame(RED_WALL)).duplicate
        reply = await client.ask("What is that?")
        assert (reply.text, reply.interrupted, reply.heard) == (ANSWER, False, "")
        assert reply.frames >= 1
        deltas = [each.text for each in client.messages if isinstance(each, TextDelta)]
        assert "".join(deltas) == ANSWER
        assert len(deltas) > 1
    [request] = completions(model)
    assert shows(imaging.decode(request.image), RED)


async def test_what_the_gateway_asks_for_is_taken_with_the_camera(
    gateway: GatewayProcess, model: Storyteller, stages: None, tmp_path: Path
) -> None:
    asked: list[str] = []

    async def camera(request: CaptureFrame) -> bytes:
        asked.append(request.reason)
        return RED_WALL

    async with GatewayClient(gateway.url, camera=camera) as client:
        await client.until(FrameReceived)  # A turn waits for the picture of a client that answers.
        await client.ask("What is that?")
    assert asked == ["initial", "user_request"]
    assert shows(imaging.decode(completions(model)[-1].image), RED)

    picture = tmp_path / "wall.jpg"
    picture.write_bytes(BLUE_WALL)
    async with GatewayClient(gateway.url, camera=picture, format="jpeg") as client:
        await client.until(FrameReceived)
        await client.ask("And that?")
    assert shows(imaging.decode(completions(model)[-1].image), BLUE)


async def test_a_picture_that_is_none_is_an_error_and_the_session_lives_on(gateway: GatewayProcess) -> None:
    async with GatewayClient(gateway.url) as client:
        with pytest.raises(RefusedError, match="frame_invalid") as refused:
            await client.send_frame(b"not a picture")
        assert refused.value.code == "frame_invalid"
        with pytest.raises(RefusedError, match=r"Frame too large \(6\.2 MB\)\. Maximum allowed: 5\.0 MB"):
            await client.send_frame(bytes(round(6.2 * 1024 * 1024)))
        assert (await client.ask("Are you there?")).text == ANSWER


async def test_a_reply_is_interrupted(gateway: GatewayProcess, model: Storyteller) -> None:
    async with GatewayClient(gateway.url) as client:

        async def stop() -> None:
            await client.until(TextDelta)
            await client.interrupt()

        reply, _ = await asyncio.gather(client.ask("Tell me a story."), stop())
        assert reply.interrupted
        assert "".join(BEGINNING).startswith(reply.text)
        await model.unheard.wait()
        # The reply that is complete is its own, and not that of the turn before.
        assert (await client.ask("And now?")).text == ANSWER


async def test_a_session_is_taken_up_by_another_connection(
    gateway: GatewayProcess, model: Storyteller
) -> None:
    async with Relay(gateway.port) as relay, GatewayClient(relay.url) as lost:
        await lost.ask("My name is Alice.")
        await relay.cut()
        with pytest.raises(ClosedError) as closed:
            await lost.ask("Can you hear me?")
        assert closed.value.code == 1006
        assert lost.closed is not None
        async with GatewayClient(gateway.url, resume=lost.session) as client:
            assert client.session.resumed
            assert client.session.session_id == lost.session.session_id
            await client.ask("What is my name?")
    assert users_words(completions(model)[-1])[0].endswith("My name is Alice.")


async def test_a_session_of_somebody_else_is_refused(gateway: GatewayProcess) -> None:
    async with GatewayClient(gateway.url, session_id="mine") as mine:
        assert mine.session.session_id == "mine"
        with pytest.raises(RefusedError, match="session_unknown"):
            async with GatewayClient(
                gateway.url, resume=SessionInit(session_id="mine", resume_key="guessed")
            ):
                pytest.fail("it was taken")


async def test_where_there_is_no_gateway_connecting_says_so(gateway: GatewayProcess) -> None:
    with pytest.raises(aiohttp.ClientError):
        async with GatewayClient(f"http://127.0.0.1:{gateway.port}/nowhere"):
            pytest.fail("it connected")
