"""When a session asks its client for a frame."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from sightline.bus import Bus
from sightline.errors import BusError
from sightline.messages import CaptureReply, CaptureRequest, Trigger
from sightline.sampling import captures
from sightline_gateway.protocol import Capabilities, CaptureFrame
from sightline_gateway.session import VideoSession
from support.gateway_sessions import photo, session_with, stages
from support.model_servers import OpenAIServer
from support.scenes import BLUE, GREEN, RED


def of(reason: Trigger) -> Callable[[CaptureFrame], bool]:
    return lambda request: request.reason is reason


async def asked_by_the_agent(bus: Bus, session: VideoSession, deadline: float) -> CaptureReply:
    """As the agent's eyes ask."""
    request = CaptureRequest(
        room=session.session_id, participant="client", reason="a question", deadline=deadline
    )
    return await bus.request(request.subject, request, CaptureReply, timeout=deadline + 5)


async def test_a_client_that_comes_with_video_is_asked_for_its_first_frame(
    bus: Bus, model: OpenAIServer
) -> None:
    async with session_with(bus, model) as (session, client):
        session.client_ready(Capabilities(video=True))
        session.client_ready(Capabilities(video=False))
    assert [request.reason for request in client.told(CaptureFrame)] == [Trigger.INITIAL]


async def test_frames_are_asked_for_by_time_again_and_again(bus: Bus, model: OpenAIServer) -> None:
    async with session_with(bus, model, timer_interval=0.05) as (session, client):
        client.answers(lambda: photo(RED))
        session.client_ready(Capabilities(video=True))
        for _ in range(3):
            await client.hears(CaptureFrame, of(Trigger.TIMER))
            client.messages.clear()


async def test_a_client_without_video_is_asked_for_nothing_by_time_nor_one_that_has_gone(
    bus: Bus, model: OpenAIServer
) -> None:
    async with session_with(bus, model, timer_interval=0.05) as (session, client):
        session.client_ready(Capabilities(video=False))
        requests = session._parts.video.requests  # type: ignore[union-attr]
        assert requests._due() == []
        session.client_ready(Capabilities(video=True))
        await client.hears(CaptureFrame, of(Trigger.TIMER))
        session.disconnected()
        assert requests._due() == []
        session.client_ready(Capabilities(video=True))
        client.messages.clear()
        await client.hears(CaptureFrame, of(Trigger.TIMER))


async def test_the_interval_can_be_changed_and_nought_is_never(bus: Bus, model: OpenAIServer) -> None:
    async with session_with(bus, model, timer_interval=3600) as (session, client):
        session.client_ready(Capabilities(video=True))
        session.update_config(timer_interval=0.05)
        await client.hears(CaptureFrame, of(Trigger.TIMER))
        session.update_config(timer_interval=0)
        assert session._parts.video.requests._due() == []  # type: ignore[union-attr]


async def test_a_client_that_only_sends_frames_has_video(bus: Bus, model: OpenAIServer) -> None:
    async with session_with(bus, model, timer_interval=0.05) as (_, client):
        await client.shows(photo(RED))
        await client.hears(CaptureFrame, of(Trigger.TIMER))


async def test_a_new_scene_is_asked_for_once_more_when_it_has_settled(bus: Bus, model: OpenAIServer) -> None:
    async with session_with(bus, model) as (session, client):
        session.client_ready(Capabilities(video=True))
        await client.shows(photo(RED), Trigger.INITIAL)
        assert client.told(CaptureFrame)[1:] == []
        await client.shows(photo(BLUE))
        await client.hears(CaptureFrame, of(Trigger.SCENE_CHANGE))
        # It has settled: no other is asked for.
        await client.shows(photo(BLUE), Trigger.SCENE_CHANGE)
        assert session._parts.video.requests._due() == []  # type: ignore[union-attr]


async def test_the_agents_own_request_becomes_one_to_the_client(bus: Bus, model: OpenAIServer) -> None:
    async with stages(bus, "captioner"), session_with(bus, model) as (session, client):
        client.answers(lambda: photo(GREEN))
        reply = await asked_by_the_agent(bus, session, 10)
        [request] = client.told(CaptureFrame)
    assert request.reason is Trigger.USER_REQUEST
    [frame] = reply.frames
    assert (frame.trigger, frame.track.room) == (Trigger.USER_REQUEST, session.session_id)


async def test_a_client_that_does_not_answer_is_not_waited_for_longer(bus: Bus, model: OpenAIServer) -> None:
    async with session_with(bus, model) as (session, client):
        reply = await asked_by_the_agent(bus, session, 0.1)
        await client.hears(CaptureFrame)
    assert reply.frames == ()
    assert reply.error == "the client sent no frame within 0.1 s"


async def test_two_who_ask_at_once_are_one_request(bus: Bus, model: OpenAIServer) -> None:
    async with session_with(bus, model) as (session, client):
        intake = session._parts.video._intake  # type: ignore[union-attr]
        asked = [asyncio.create_task(intake.capture(20)) for _ in range(2)]
        await client.hears(CaptureFrame)
        await client.shows(photo(RED), Trigger.USER_REQUEST)
        first, second = await asyncio.gather(*asked)
    assert len(client.told(CaptureFrame)) == 1
    assert first == second


async def test_a_look_again_at_the_same_scene_costs_no_description(
    bus: Bus, model: OpenAIServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(captures, "NOW_SECONDS", 0.0)  # the frame of a moment ago is no answer
    async with session_with(bus, model) as (session, client):
        await client.shows(photo(RED), Trigger.INITIAL)
        intake = session._parts.video._intake  # type: ignore[union-attr]
        for shown, trigger in ((RED, Trigger.TIMER), (BLUE, Trigger.USER_REQUEST)):
            asked = asyncio.create_task(intake.capture(20, if_changed=True))
            await client.hears(CaptureFrame)
            client.messages.clear()
            await client.shows(photo(shown), Trigger.USER_REQUEST)
            assert (await asked).trigger is trigger


async def test_nobody_answers_for_a_session_that_is_over(bus: Bus, model: OpenAIServer) -> None:
    async with session_with(bus, model) as (session, _):
        await asked_by_the_agent(bus, session, 0.1)
    with pytest.raises(BusError, match="nobody"):
        await asked_by_the_agent(bus, session, 1)


async def test_a_client_that_did_not_answer_is_asked_and_not_waited_for(
    bus: Bus, model: OpenAIServer
) -> None:
    async with session_with(bus, model, frame_wait=0.05) as (session, client):
        requests = session._parts.video.requests  # type: ignore[union-attr]
        session.client_ready(Capabilities(video=True))
        await client.shows(photo(RED), Trigger.INITIAL)
        assert requests.answers
        await session.send_text("One.")
        assert not requests.answers
        await session.send_text("Two.")
        assert [each.reason for each in client.told(CaptureFrame)[1:]] == [Trigger.USER_REQUEST] * 2
        await client.shows(photo(BLUE), Trigger.USER_REQUEST)
        assert requests.answers
