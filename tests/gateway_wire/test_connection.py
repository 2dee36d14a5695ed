"""What a client of the WebSocket is told, message by message."""

from __future__ import annotations

import json

from sightline.bus import Bus
from sightline_gateway.protocol import Image, VideoFrame
from sightline_gateway.protocol.binary import pack
from support.agents import completions, users_words
from support.gateway_clients import PICTURE, connected, gateway
from support.model_servers import OpenAIServer


async def test_a_client_is_greeted_and_answered(bus: Bus, model: OpenAIServer) -> None:
    async with gateway(bus, model) as server, connected(server) as client:
        hello = await client.next("session_init")
        assert hello["sessionId"].startswith("vs_")
        assert hello["resumed"] is False
        assert len(server.registry) == 0
        await client.send("transcript", text="What do you see?")
        assert (await client.next("text", lambda text: text["role"] == "user"))["text"] == "What do you see?"
        complete = await client.next("response_complete")
        assert complete["text"] == "I see."
        assert complete["sessionId"] == hello["sessionId"]
        assert "".join(delta["text"] for delta in client.of("text_delta")) == "I see."
        assert [seat.session_id for seat in server.registry] == [hello["sessionId"]]


async def test_client_ready_is_answered_with_the_session_and_a_wish_for_a_picture(
    bus: Bus, model: OpenAIServer
) -> None:
    async with gateway(bus, model) as server, connected(server) as client:
        hello = await client.next("session_init")
        await client.send("client_ready", capabilities={"video": True})
        assert await client.next("session_init") == hello
        assert (await client.next("capture_frame"))["reason"] == "initial"


async def test_a_picture_is_taken_and_acknowledged_in_text_and_in_binary(
    bus: Bus, model: OpenAIServer
) -> None:
    async with gateway(bus, model) as server, connected(server) as client:
        await client.frame(7, triggerReason="initial", timestamp=5)
        received = await client.next("frame_received")
        assert (received["sequence"], received["triggerReason"]) == (7, "initial")
        assert received["size"] == len(PICTURE)
        assert received["dimensions"] == {"width": 640, "height": 360}
        assert (await client.next("frame_ack"))["sequence"] == 7
        await client.socket.send_bytes(pack(VideoFrame(sequence=8, image=Image(format="jpeg")), PICTURE))
        again = await client.next("frame_received")
        assert (again["sequence"], again["duplicate"]) == (8, True)
        await client.asks()
        (request,) = completions(model)
        assert "[Visual context: 1 frames captured" in users_words(request)[0]


async def test_a_picture_that_is_a_little_too_large_is_refused_and_the_session_lives_on(
    bus: Bus, model: OpenAIServer
) -> None:
    async with gateway(bus, model) as server, connected(server) as client:
        await client.frame(1, b"x" * int(6.2 * 1024 * 1024))
        error = await client.next("error")
        assert error["code"] == "frame_too_large"
        assert error["message"] == "Frame too large (6.2 MB). Maximum allowed: 5.0 MB"
        assert await client.asks() == "I see."


async def test_a_message_that_makes_no_sense_is_answered_and_the_session_lives_on(
    bus: Bus, model: OpenAIServer
) -> None:
    async with gateway(bus, model) as server, connected(server) as client:
        for sent, expected in (
            ({"type": "hello"}, "hello"),
            ({"text": "hi"}, "type"),
            ([], "object"),
            ({"type": "transcript", "text": ""}, "transcript.text"),
            ({"type": "transcript", "text": "  "}, "transcript.text"),
            ({"type": "audio", "data": "?"}, "audio.data: expected base64"),
        ):
            await client.socket.send_str(json.dumps(sent))
            error = await client.next("error")
            assert error["code"] == "bad_message"
            assert expected in error["message"]
        assert await client.asks() == "I see."


async def test_a_picture_for_another_session_is_refused(bus: Bus, model: OpenAIServer) -> None:
    async with gateway(bus, model) as server, connected(server) as client:
        await client.frame(1, sessionId="vs_somebody_elses")
        assert (await client.next("error"))["code"] == "session_unknown"
        await client.frame(2, sessionId=client.of("session_init")[0]["sessionId"])
        assert (await client.next("frame_received"))["sequence"] == 2


async def test_a_client_names_its_session(bus: Bus, model: OpenAIServer) -> None:
    async with gateway(bus, model) as server, connected(server) as client:
        await client.next("session_init")
        await client.send("client_ready", sessionId="my own")
        assert (await client.next("session_init"))["sessionId"] == "my own"
        assert await client.asks() == "I see."
        assert [seat.session_id for seat in server.registry] == ["my own"]


async def test_a_session_ends_with_the_client_that_says_goodbye(bus: Bus, model: OpenAIServer) -> None:
    async with gateway(bus, model) as server:
        async with connected(server) as client:
            await client.asks()
            (seat,) = server.registry
        await seat.ended.wait()
        assert len(server.registry) == 0
