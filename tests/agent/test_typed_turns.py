"""A typed turn: a fresh frame is asked for as it begins, and waited for a moment, never longer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from livekit import api, rtc

from sightline import subjects
from sightline.bus import Bus
from sightline.messages import CaptureReply, CaptureRequest, TurnRecord
from support.agents import completions, users_words
from support.buses import until_lost
from support.livekit_publisher import Publisher, participant_token
from support.livekit_server import LiveKitServer
from support.model_servers import OpenAIServer
from support.nats_server import Server
from support.sessions import Talk, talking
from support.voice_call import CHAT, Camera, camera

pytestmark = pytest.mark.livekit

PATIENCE = 5.0
"""The longest wait that the settings allow: what is in flight comes, however slow the machine is."""

QUESTION = "What do I hold?"


@asynccontextmanager
async def alices_call(
    livekit: LiveKitServer, bus: Bus, model: OpenAIServer, room: str, **settings: Any
) -> AsyncIterator[tuple[Talk, Publisher]]:
    """Alice is in a room with the agent, which knows whom it talks with."""
    grants = api.VideoGrants(room_join=True, room=room, agent=True)
    joined = rtc.Room()
    async with asyncio.timeout(60), Publisher(livekit, room=room, identity="alice") as alice:
        await joined.connect(livekit.url, participant_token(livekit, grants, "agent", kind="agent"))
        try:
            async with talking(model, bus, room=joined, **settings) as talk:
                talk.session.output.set_audio_enabled(False)
                await talk.session.room_io._participant_available_fut
                eyes = talk.agent.eyes
                if eyes is not None:
                    assert await eyes.until(lambda: eyes._feed is not None, 20)
                yield talk, alice
        finally:
            await joined.disconnect()


async def type_into_the_room(talk: Talk, alice: Publisher) -> TurnRecord:
    answered = asyncio.Event()
    talk.session.on("agent_state_changed", lambda event: event.new_state == "listening" and answered.set())
    await alice.room.local_participant.send_text(QUESTION, topic=CHAT)
    await answered.wait()
    return talk.records[-1]


async def told_in_code(talk: Talk, _: Publisher) -> TurnRecord:
    return await talk.says(QUESTION)


async def asked_before(camera: Camera, bus: Bus) -> list[str]:
    """Why the camera was asked for frames until now."""
    request = CaptureRequest(room=camera.track.room, participant="alice", reason="the test")
    await bus.request(
        request.subject, request, CaptureReply
    )  # comes after all that the agent sent on this bus
    return [each.reason for each in camera.asked[:-1]]


@pytest.mark.parametrize(
    ("ask", "reason"),
    # LiveKit says that the user speaks as a message arrives in its chat: that asks, and once is enough.
    [(type_into_the_room, "the user began to speak"), (told_in_code, "the user typed")],
    ids=["chat", "code"],
)
async def test_a_typed_turn_is_shown_the_frame_that_was_asked_for_as_it_began(
    ask: Callable[[Talk, Publisher], Awaitable[TurnRecord]],
    reason: str,
    livekit: LiveKitServer,
    bus: Bus,
    model: OpenAIServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sightline_agent.captures.NEW", 60.0)  # however slow the machine is
    room = f"typed-{ask.__name__}"
    async with (
        camera(bus, room) as alices,
        alices_call(livekit, bus, model, room, caption_wait=PATIENCE) as (talk, alice),
    ):
        alices.next = "a red mug"
        record = await ask(talk, alice)
        assert await asked_before(alices, bus) == [reason]
    assert '"a red mug"' in users_words(completions(model)[0])[0]
    assert (record.question, record.wait, record.error) == (QUESTION, "came", "")
    assert 0 < record.waited <= record.added


async def test_a_caption_that_comes_too_late_is_there_for_the_next_turn(
    livekit: LiveKitServer, bus: Bus, model: OpenAIServer
) -> None:
    room, may_answer = "typed-late", asyncio.Event()
    alices = Camera(bus, room)

    async def slow(request: CaptureRequest) -> CaptureReply:
        await may_answer.wait()
        return await alices.answer(request)

    stop = await bus.serve(subjects.capture(room, "alice"), CaptureRequest, slow)
    async with alices_call(livekit, bus, model, room, caption_wait=0.05) as (talk, _):
        alices.next = "a red mug"
        late = await talk.says(QUESTION)
        eyes = talk.agent.eyes
        assert eyes is not None
        may_answer.set()
        assert await eyes.until(lambda: bool(eyes.context.describe(eyes.now())), 20)
        alices.next = ""
        next_turn = await talk.says("And now?")
    await stop()
    assert (late.reply, late.wait, late.shown) == ("I see.", "late", ())
    assert late.waited >= 0.05
    assert [shown.text for shown in next_turn.shown] == ["a red mug"]


async def test_a_wait_of_nothing_asks_and_does_not_wait(
    livekit: LiveKitServer, bus: Bus, model: OpenAIServer
) -> None:
    room = "typed-never"
    async with (
        camera(bus, room) as alices,
        alices_call(livekit, bus, model, room, caption_wait=0) as (talk, _),
    ):
        record = await talk.says(QUESTION)
        assert await asked_before(alices, bus) == ["the user typed"]
    assert (record.wait, record.waited) == ("none", 0.0)


async def test_where_nobody_samples_the_room_a_typed_turn_goes_on(
    livekit: LiveKitServer, bus: Bus, model: OpenAIServer
) -> None:
    async with alices_call(livekit, bus, model, "typed-alone", caption_wait=PATIENCE) as (talk, _):
        record = await talk.says(QUESTION)
    # It is known at once that nobody does: nothing came, and nothing was late.
    assert (record.reply, record.error, record.wait) == ("I see.", "", "none")


@pytest.mark.faults
async def test_without_the_bus_a_typed_turn_asks_nobody_and_goes_on(
    nats: Server, livekit: LiveKitServer, bus: Bus, model: OpenAIServer
) -> None:
    async with alices_call(livekit, bus, model, "typed-blind", caption_wait=PATIENCE) as (talk, _):
        await nats.kill()
        await until_lost(bus)
        record = await talk.says(QUESTION)
    assert (record.reply, record.error, record.wait) == ("I see.", "", "none")
    assert record.blind


@pytest.mark.parametrize(
    ("settings", "reply"),
    [
        ({"capture_on_speech": False}, {"user_input": QUESTION}),
        ({"mode": "off"}, {"user_input": QUESTION}),
        ({}, {"instructions": "Say what you see."}),
        ({}, {"user_input": QUESTION, "input_modality": "audio"}),
    ],
    ids=["not wanted", "no eyes", "the agent's own", "spoken words"],
)
async def test_no_other_turn_asks_as_it_begins(
    settings: dict[str, Any],
    reply: dict[str, Any],
    livekit: LiveKitServer,
    bus: Bus,
    model: OpenAIServer,
    request: pytest.FixtureRequest,
) -> None:
    room = request.node.name
    async with (
        camera(bus, room) as alices,
        alices_call(livekit, bus, model, room, **settings) as (talk, _),
    ):
        record = await talk.reply(**reply)
        assert await asked_before(alices, bus) == []
    assert (record.reply, record.wait) == ("I see.", "none")
