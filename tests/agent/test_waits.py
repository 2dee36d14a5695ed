"""A caption that is in flight as the turn ends: waited for, for a moment, and never longer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from livekit import api, rtc

from sightline import subjects
from sightline.bus import Bus
from sightline.messages import CaptureReply, CaptureRequest, FrameInfo, Track, TurnRecord
from sightline_agent.captures import GIVEN_UP, NEW, Captures
from support.agents import completions, users_words
from support.livekit_publisher import Publisher, participant_token
from support.livekit_server import LiveKitServer
from support.model_servers import OpenAIServer
from support.sessions import Talk, talking
from support.sights import ALICE, after, caption, frame, image

PATIENCE = 5.0
"""The longest wait that the settings allow: what is in flight comes, however slow the machine is."""

OnCapture = Callable[[CaptureRequest], Awaitable[CaptureReply]]


@asynccontextmanager
async def speaking_alice(
    livekit: LiveKitServer, bus: Bus, model: OpenAIServer, room: str, capture: OnCapture, **settings: Any
) -> AsyncIterator[Talk]:
    """Alice is in a room with the agent, and has begun to speak; the frame was asked for."""
    asked = asyncio.Event()

    async def answer(request: CaptureRequest) -> CaptureReply:
        asked.set()
        return await capture(request)

    stop = await bus.serve(subjects.capture(room, "alice"), CaptureRequest, answer)
    grants = api.VideoGrants(room_join=True, room=room, agent=True)
    joined = rtc.Room()
    async with asyncio.timeout(60), Publisher(livekit, room=room):
        await joined.connect(livekit.url, participant_token(livekit, grants, "agent", kind="agent"))
        async with talking(model, bus, room=joined, **settings) as talk:
            await talk.session.room_io._participant_available_fut
            async with talk.session._claim_user_turn():
                await asked.wait()
                yield talk
        await joined.disconnect()
    await stop()


def of(room: str) -> Track:
    return ALICE.model_copy(update={"room": room})


@pytest.mark.livekit
async def test_a_caption_that_comes_as_the_turn_ends_is_waited_for_and_shown(
    livekit: LiveKitServer, bus: Bus, model: OpenAIServer
) -> None:
    room = "wait-came"
    asked_about = frame(5, bus.now(), of(room))
    late = asyncio.Event()

    async def capture(_: CaptureRequest) -> CaptureReply:
        await late.wait()
        await bus.publish(caption(asked_about, "a red mug"))
        return CaptureReply(frames=(asked_about,))

    async with speaking_alice(livekit, bus, model, room, capture, caption_wait=PATIENCE) as talk:
        turn = asyncio.create_task(talk.says("What do I hold?"))
        talk.session.once("speech_created", lambda _: late.set())
        record = await turn
    assert '"a red mug"' in users_words(completions(model)[0])[0]
    assert record.wait == "came"
    assert 0 < record.waited <= record.added
    assert record.shown[0].frame == asked_about.id


@pytest.mark.livekit
async def test_a_caption_that_does_not_come_is_not_waited_for_longer_than_that(
    livekit: LiveKitServer, bus: Bus, model: OpenAIServer
) -> None:
    room = "wait-late"

    async def capture(_: CaptureRequest) -> CaptureReply:
        return CaptureReply(frames=(frame(5, bus.now(), of(room)),))

    async with speaking_alice(livekit, bus, model, room, capture, caption_wait=0.05) as talk:
        await talk.shows(bus, caption(frame(4, bus.now(), of(room)), "what was there"))
        record = await talk.says("What do I hold?")
    # It goes on with what is there.
    assert [shown.text for shown in record.shown] == ["what was there"]
    assert (record.reply, record.wait) == ("I see.", "late")
    assert record.waited >= 0.05


@pytest.mark.livekit
async def test_a_wait_of_nothing_is_none(livekit: LiveKitServer, bus: Bus, model: OpenAIServer) -> None:
    room = "wait-never"

    async def capture(_: CaptureRequest) -> CaptureReply:
        return CaptureReply(frames=(frame(5, bus.now(), of(room)),))

    async with speaking_alice(livekit, bus, model, room, capture, caption_wait=0) as talk:
        record = await talk.says("What do I hold?")
    assert (record.wait, record.waited) == ("none", 0.0)


@pytest.mark.livekit
async def test_an_image_is_waited_for_where_images_are_shown(
    livekit: LiveKitServer, bus: Bus, model: OpenAIServer
) -> None:
    room = "wait-image"
    asked_about = frame(5, bus.now(), of(room))
    captured = asyncio.Event()

    async def capture(_: CaptureRequest) -> CaptureReply:
        captured.set()
        return CaptureReply(frames=(asked_about,))

    settings: dict[str, Any] = {"mode": "images", "caption_wait": PATIENCE}
    async with speaking_alice(livekit, bus, model, room, capture, **settings) as talk:
        turn = asyncio.create_task(talk.says("What do I hold?"))
        await captured.wait()
        await bus.publish(image(asked_about, data=b"fresh"))
        record = await turn
    assert completions(model)[0].images == [b"fresh"]
    assert record.wait in ("came", "none")


def known(*frames: FrameInfo) -> Callable[[FrameInfo], bool]:
    return lambda frame: frame in frames


def test_a_capture_is_in_flight_until_all_its_frames_are_known() -> None:
    captures, one, two = Captures(), frame(1), frame(2)
    assert not captures.in_flight("alice", after(0), known())
    captures.ask("alice", after(0))
    assert captures.in_flight("alice", after(0), known(one, two))
    captures.answer("alice", [one, two])
    assert captures.in_flight("alice", after(0), known(one))
    assert not captures.in_flight("alice", after(0), known(one, two))
    assert not captures.in_flight("bob", after(0), known())


def test_a_capture_that_nobody_answered_is_not_in_flight() -> None:
    captures = Captures()
    captures.ask("alice", after(0))
    captures.answer("alice", [])
    assert not captures.in_flight("alice", after(0), known())


def test_what_does_not_come_for_long_is_given_up() -> None:
    captures = Captures()
    captures.ask("alice", after(0))
    captures.answer("alice", [frame(1)])
    assert captures.in_flight("alice", after(GIVEN_UP), known())
    assert not captures.in_flight("alice", after(GIVEN_UP + 0.1), known())


def test_a_record_without_a_wait_says_so() -> None:
    assert (TurnRecord(room="demo").wait, TurnRecord(room="demo").waited) == ("none", 0.0)


def test_a_capture_is_new_for_a_moment_and_has_been_taken_once_it_has_frames() -> None:
    captures = Captures()
    assert not captures.is_new("alice", after(0))
    captures.ask("alice", after(0))
    assert captures.is_new("alice", after(NEW))
    assert not captures.is_new("alice", after(NEW + 0.1))
    assert not captures.taken("alice")
    captures.answer("alice", ())
    assert not captures.taken("alice")
    captures.answer("alice", [frame(1)])
    assert captures.taken("alice")
    assert not captures.taken("bob")
