"""A turn of a session: the user's words, what is in view, and the reply as it is written."""

from __future__ import annotations

import asyncio
import re
from datetime import datetime

import pytest

from sightline import imaging
from sightline.bus import Bus
from sightline.messages import Trigger
from sightline_gateway.protocol import (
    Capabilities,
    CaptureFrame,
    Error,
    ResponseComplete,
    Text,
    TextDelta,
)
from support.agents import completions, users_words
from support.gateway_sessions import photo, session_with, stages
from support.model_servers import Fault, OpenAIServer, Status
from support.scenes import BLUE, GREEN, RED, shows

HEADER = re.compile(r"^\[Visual context: (\d+) frames captured, latest at (\S+)Z\]$", re.M)


async def test_a_turn_carries_the_header_the_newest_image_its_caption_and_the_users_words(
    bus: Bus, model: OpenAIServer
) -> None:
    async with stages(bus), session_with(bus, model) as (session, client):
        await client.shows(photo(BLUE))
        await client.shows(photo(RED, "HELLO"))
        eyes = session._agent.eyes
        assert eyes is not None
        assert await eyes.until(lambda: "HELLO" in session.frame_context[-1].description, 30)
        assert await session.send_text("What do I hold?") == "You hold a mug."
    [request] = completions(model)
    [words] = users_words(request)
    count, latest = HEADER.findall(words)[0]
    assert count == "2"
    assert datetime.fromisoformat(latest)
    assert words.index("[Visual context") < words.index("<camera-view>") < words.index("What do I hold?")
    assert "HELLO" in words
    assert "client's camera" in words
    [image] = request.images
    assert shows(imaging.decode(image), RED)


async def test_the_header_is_of_its_turn_and_not_kept_in_the_conversation(
    bus: Bus, model: OpenAIServer
) -> None:
    async with stages(bus), session_with(bus, model) as (session, client):
        await client.shows(photo(RED))
        await session.send_text("First.")
        await client.shows(photo(BLUE))
        await session.send_text("Second.")
    earlier, newest = users_words(completions(model)[1])
    assert "First." in earlier
    assert not HEADER.search(earlier)
    assert HEADER.findall(newest)[0][0] == "2"


async def test_a_turn_before_any_frame_has_no_header(bus: Bus, model: OpenAIServer) -> None:
    async with session_with(bus, model) as (session, _):
        await session.send_text("Hello?")
    [words] = users_words(completions(model)[0])
    assert "Visual context" not in words
    assert "Nothing is in view right now." in words


async def test_a_picture_is_asked_about_in_one_call(bus: Bus, model: OpenAIServer) -> None:
    async with stages(bus), session_with(bus, model) as (session, _):
        reply = await session.send_frame(photo(GREEN), "What is this?")
    assert reply == "You hold a mug."
    [image] = completions(model)[0].images
    assert shows(imaging.decode(image), GREEN)


async def test_the_reply_is_told_as_it_is_written_and_then_whole(bus: Bus, model: OpenAIServer) -> None:
    async with session_with(bus, model) as (session, client):
        await session.send_text("What do I hold?")
        said = [each for each in client.messages if isinstance(each, Text)]
    assert [(each.role, each.text) for each in said] == [
        ("user", "What do I hold?"),
        ("assistant", "You hold a mug."),
    ]
    deltas = client.told(TextDelta)
    assert len(deltas) > 1
    assert "".join(each.text for each in deltas) == "You hold a mug."
    assert {each.id for each in deltas} == {said[1].id}
    [complete] = client.told(ResponseComplete)
    assert (complete.text, complete.session_id, complete.interrupted) == (
        "You hold a mug.",
        session.session_id,
        False,
    )
    assert client.messages[-2:] == [said[1], complete]


async def test_new_words_interrupt_the_reply_in_progress(bus: Bus, model: OpenAIServer) -> None:
    async with session_with(bus, model) as (session, client):
        model.fault = Fault.HANG
        first = asyncio.create_task(session.send_text("Tell me a story."))
        await model.requested(len(model.requests) + 1)
        model.fault = None
        assert await session.send_text("What do I hold?") == "You hold a mug."
        assert await first == ""
        ends = client.told(ResponseComplete)
    assert [(each.text, each.interrupted) for each in ends] == [("", True), ("You hold a mug.", False)]
    assert users_words(completions(model)[-1])[0].endswith("Tell me a story.")


async def test_words_that_are_overtaken_before_their_turn_stay_in_the_conversation(
    bus: Bus, model: OpenAIServer
) -> None:
    async with session_with(bus, model) as (session, client):
        # Nobody answers the request for a frame: the first turn waits until the second interrupts it.
        client.answers(lambda: photo(RED))
        await client.shows(photo(RED))
        session.request_frame_capture(Trigger.TIMER)
        await client.hears(CaptureFrame)
        turns = [asyncio.create_task(session.send_text(words)) for words in ("One.", "Two.", "Three.")]
        assert await asyncio.gather(*turns) == ["", "", "You hold a mug."]
    said = [words.rpartition("\n")[2] for words in users_words(completions(model)[-1])]
    assert said == ["One.", "Two.", "Three."]
    assert len(completions(model)) == 1
    assert [each.interrupted for each in client.told(ResponseComplete)] == [True, True, False]


async def test_an_interruption_ends_the_reply_and_nothing_else(bus: Bus, model: OpenAIServer) -> None:
    async with session_with(bus, model) as (session, client):
        model.fault = Fault.HANG
        reply = asyncio.create_task(session.send_text("Tell me a story."))
        await model.requested(len(model.requests) + 1)
        session.interrupt()
        assert await reply == ""
        model.fault = None
        assert await session.send_text("Still there?") == "You hold a mug."
    assert [each.interrupted for each in client.told(ResponseComplete)] == [True, False]


async def test_a_turn_asks_the_client_for_a_frame_and_is_shown_it(bus: Bus, model: OpenAIServer) -> None:
    async with stages(bus), session_with(bus, model) as (session, client):
        session.client_ready(Capabilities(video=True))
        await client.hears(CaptureFrame, lambda request: request.reason is Trigger.INITIAL)
        await client.shows(photo(BLUE), Trigger.INITIAL)
        client.answers(lambda: photo(RED))
        await session.send_text("And now?")
        await client.hears(CaptureFrame, lambda request: request.reason is Trigger.USER_REQUEST)
    [image] = completions(model)[0].images
    assert shows(imaging.decode(image), RED)


async def test_a_client_without_video_is_asked_for_no_frame(bus: Bus, model: OpenAIServer) -> None:
    async with session_with(bus, model) as (session, client):
        session.client_ready(Capabilities(video=False, audio=True))
        await session.send_text("Hello?")
    assert client.told(CaptureFrame) == []


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (Status(401, body='{"error": {"message": "key sk-secret"}}'), "(status 401)"),
        (Fault.RESET, "cannot be reached"),
    ],
)
async def test_a_model_that_fails_is_an_error_without_its_insides_and_the_session_lives_on(
    bus: Bus, model: OpenAIServer, fault: Fault | Status, said: str
) -> None:
    async with session_with(bus, model) as (session, client):
        model.fault = fault
        assert await session.send_text("What do I hold?") == ""
        [error] = client.told(Error)
        assert error.code == "turn_failed"
        assert said in error.message
        assert "sk-secret" not in error.message
        assert model.url not in error.message
        assert client.told(ResponseComplete) == []
        model.fault = None
        assert await session.send_text("And now?") == "You hold a mug."
        assert len(client.told(ResponseComplete)) == 1
