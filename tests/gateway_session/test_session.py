"""The session as Python developers have it: events, its life, and nothing left of it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from sightline.bus import Bus
from sightline.messages import Trigger
from sightline_agent import VisionAgent
from sightline_agent.settings import AgentSettings
from sightline_gateway.errors import ClosedError
from sightline_gateway.protocol import Capabilities, CaptureFrame, ClientReady, FrameReceived, Text
from sightline_gateway.session import VideoSession
from sightline_gateway.session.agent import GatewayAgent, seeing
from sightline_gateway.session.events import EVENTS, Disconnected
from sightline_gateway.settings import SessionSettings
from support.agents import completions, talking_to, users_words
from support.gateway_sessions import photo, session_with, stages
from support.model_servers import Fault, OpenAIServer
from support.sampling import CAPTIONER, stages_of
from support.scenes import BLUE, RED


async def test_events_are_told_typed_and_by_name(bus: Bus, model: OpenAIServer) -> None:
    typed: list[FrameReceived] = []
    named: list[Any] = []
    async with session_with(bus, model) as (session, _):
        session.on(FrameReceived, typed.append)
        off = session.on("frame_received", named.append)
        await session.send_frame(photo(RED))
        off()
        await session.send_frame(photo(BLUE))
    assert [event.sequence for event in typed] == [1, 2]
    assert named == typed[:1]


async def test_each_event_that_is_promised_has_a_name(bus: Bus, model: OpenAIServer) -> None:
    heard: dict[str, Any] = {}
    async with session_with(bus, model) as (session, _):
        for name in ("frame_requested", "client_ready", "config_changed", "text", "disconnected", "error"):
            session.on(name, lambda event, name=name: heard.setdefault(name, event))
        session.client_ready(Capabilities(video=True))
        session.update_config(speech=False)
        await session.send_frame(b"no picture")
        await session.send_text("Hello?")
        session.disconnected()
    assert {name: type(event) for name, event in heard.items()} == {
        name: EVENTS[name]
        for name in ("frame_requested", "client_ready", "config_changed", "text", "disconnected", "error")
    }


async def test_what_is_no_message_to_the_client_is_not_handed_to_it(bus: Bus, model: OpenAIServer) -> None:
    async with session_with(bus, model) as (session, client):
        session.client_ready(Capabilities(video=False))
        session.disconnected()
    assert client.told(ClientReady) == []
    assert client.told(Disconnected) == []


async def test_a_handler_that_raises_ends_neither_the_session_nor_other_handlers(
    bus: Bus, model: OpenAIServer
) -> None:
    heard: list[Text] = []
    late = asyncio.Event()

    def fails(_: Text) -> None:
        raise RuntimeError("a bug of the embedder's")

    async def fails_later(_: Text) -> None:
        late.set()
        raise RuntimeError("another")

    async with session_with(bus, model) as (session, _):
        session.on(Text, fails)
        session.on(Text, fails_later)
        session.on(Text, heard.append)
        await session.send_text("Hello?")
        await late.wait()
    assert [each.role for each in heard] == ["user", "assistant"]


def test_an_event_that_there_is_not_is_named_with_those_that_there_are(bus: Bus) -> None:
    session = VideoSession(bus, settings=SessionSettings(), agent=GatewayAgent(AgentSettings()))
    with pytest.raises(ValueError, match=r"expected an event \(audio_chunk, .*\), got 'frame'"):
        session.on("frame", print)


def test_ids_are_ones_own_or_generated(bus: Bus) -> None:
    one, other = (VideoSession(bus, agent=GatewayAgent(AgentSettings())) for _ in range(2))
    assert one.session_id.startswith("vs_")
    assert one.session_id != other.session_id
    own = VideoSession(bus, session_id="kitchen", agent=GatewayAgent(AgentSettings()))
    assert own.session_id == "kitchen"
    assert (own.current_frame_sequence, own.has_visual_context, own.frame_context) == (0, False, ())


def test_a_turn_shows_images_unless_a_mode_was_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    assert GatewayAgent().vision.mode == "both"
    monkeypatch.setenv("AGENT_MODE", "captions")
    assert GatewayAgent().vision.mode == "captions"
    assert seeing(AgentSettings(mode="images")).mode == "images"


async def test_an_agent_of_ones_own_sees_as_the_gateways_does(bus: Bus, model: OpenAIServer) -> None:
    class Pirate(VisionAgent):
        def __init__(self) -> None:
            super().__init__(instructions="Talk like a pirate.", vision=talking_to(model, mode="images"))

    session = VideoSession(bus, agent=Pirate(), settings=SessionSettings(frame_wait=5))
    async with stages(bus), session:
        assert await session.send_frame(photo(RED), "What is this?") == "You hold a mug."
    [request] = completions(model)
    assert "Talk like a pirate." in request.text
    assert "[Visual context: 1 frames captured" in users_words(request)[0]
    assert len(request.images) == 1


async def test_it_begins_with_the_first_words_where_nobody_entered_it(bus: Bus, model: OpenAIServer) -> None:
    session = VideoSession(bus, agent=GatewayAgent(talking_to(model)), settings=SessionSettings())
    assert await session.send_text("Hello?") == "You hold a mug."
    await session.aclose()
    await session.aclose()
    with pytest.raises(ClosedError, match="is closed: begin another"):
        await session.send_text("Still there?")


async def test_a_client_that_comes_back_finds_the_conversation(bus: Bus, model: OpenAIServer) -> None:
    async with session_with(bus, model) as (session, client):
        await client.shows(photo(RED))
        await session.send_text("Remember the mug.")
        session.disconnected()
        session.client_ready(Capabilities(video=True))
        await session.send_text("What was it?")
        assert session.has_visual_context
    said = users_words(completions(model)[-1])
    assert [words.rpartition("\n")[2] for words in said] == ["Remember the mug.", "What was it?"]


async def test_who_goes_away_in_mid_reply_interrupts_it(bus: Bus, model: OpenAIServer) -> None:
    async with session_with(bus, model) as (session, _):
        model.fault = Fault.HANG
        reply = asyncio.create_task(session.send_text("Tell me a story."))
        await model.requested(len(model.requests) + 1)
        session.disconnected()
        assert await reply == ""


async def test_a_session_that_closes_in_mid_reply_ends_it(bus: Bus, model: OpenAIServer) -> None:
    async with session_with(bus, model) as (session, _):
        model.fault = Fault.HANG
        replies = [asyncio.create_task(session.send_text(words)) for words in ("One.", "Two.")]
        await model.requested(len(model.requests) + 1)
        await session.aclose()
        assert await asyncio.gather(*replies) == ["", ""]


async def test_a_frame_can_be_asked_for_by_the_host(bus: Bus, model: OpenAIServer) -> None:
    async with session_with(bus, model) as (session, client):
        session.request_frame_capture(Trigger.SCENE_CHANGE)
    [request] = client.told(CaptureFrame)
    assert request.reason is Trigger.SCENE_CHANGE
    assert abs(request.timestamp - bus.now().timestamp() * 1000) < 60_000


SESSIONS = 10


def left(bus: Bus) -> tuple[int, int]:
    """Tasks that run, and subscriptions of the bus."""
    return len(asyncio.all_tasks()), len(bus._connection.client._subs)


async def test_of_many_sessions_nothing_is_left(bus: Bus, model: OpenAIServer) -> None:
    # Without its workers, whose tasks come and go.
    async with stages_of(bus, CAPTIONER):
        async with session_with(bus, model) as (session, client):
            await session.send_frame(photo(RED), "What is this?")
        before = left(bus)
        for _ in range(SESSIONS):
            async with session_with(bus, model, timer_interval=0.01, frame_wait=0.2) as (session, client):
                client.answers(lambda: photo(BLUE))
                session.client_ready(Capabilities(video=True))
                await client.shows(photo(RED))
                await session.send_text("What is this?")
        tasks, subscriptions = left(bus)
    assert subscriptions == before[1]
    # Some come and go with the connections of the model; one for each session would be more.
    assert tasks < before[0] + SESSIONS
