"""Every kind of turn of a real call carries what is in view at its moment, for one model call each.

Somebody speaks into a real LiveKit room; the session, its voice activity detection, its speech-to-text,
language model and text-to-speech are real, the latter over HTTP. The camera's captions come from the bus.
"""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from livekit.agents.llm import ChatContext, ChatMessage

from sightline.bus import Bus
from sightline.messages import TurnRecord
from sightline_agent import VisionAgent
from support.agents import users_words
from support.livekit_server import LiveKitServer
from support.voice_call import BEFORE, WHAT, call, camera, handling, hearing
from support.voice_server import VoiceServer

pytestmark = pytest.mark.livekit

BEGAN = "the user began to speak"


class Watched(VisionAgent):
    """Notes when LiveKit says that the user's turn is over."""

    def __init__(self, events: list[str], **named: Any) -> None:
        super().__init__(instructions="Be brief.", **named)
        self._events = events
        self.may_end = asyncio.Event()

    async def on_user_turn_completed(self, turn_ctx: ChatContext, new_message: ChatMessage) -> None:
        await self.may_end.wait()
        self._events.append("turn over")


@pytest.mark.parametrize("preemptive", [True, False], ids=["preemptive", "not preemptive"])
async def test_a_spoken_turn_carries_what_was_in_view_as_the_user_spoke(
    preemptive: bool, livekit: LiveKitServer, bus: Bus, voice: VoiceServer
) -> None:
    room, events, records = f"spoken-{preemptive}", list[str](), list[TurnRecord]()
    agent = Watched(
        events,
        vision=hearing(voice),
        bus=bus,
        on_turn=records.append,
        turn_handling=handling(preemptive),
    )

    def answer(_: object) -> str:
        events.append("request")
        agent.may_end.set()
        return "I see."

    voice.answer = answer
    if not preemptive:
        agent.may_end.set()
    async with asyncio.timeout(90), camera(bus, room) as alices:
        alices.on_capture = lambda: events.append("capture")
        async with call(livekit, room, agent, voice, hearing(voice)) as talk:
            await alices.shows("an empty desk")
            await talk.sees("an empty desk")
            alices.next = "a red mug"
            assert await talk.say(WHAT) == "I see."
            await talk.alice.hears("I see.", WHAT, BEFORE)
            alices.next = "a blue book"
            await talk.say(BEFORE)
    assert events[0] == "capture"
    order = ["request", "turn over"] if preemptive else ["turn over", "request"]
    assert [event for event in events if event != "capture"][:2] == order
    assert voice.transcripts == [WHAT, BEFORE]
    first, second = voice.turns
    assert '"a red mug"' in users_words(first)[-1]
    assert '"an empty desk"' not in users_words(first)[-1]
    assert users_words(first)[-1].endswith(WHAT)
    # What was shown stays with its message, word for word, and the present is told apart from it.
    assert users_words(second)[0] == users_words(first)[0]
    assert '"a blue book"' in users_words(second)[1]
    assert '"a red mug"' not in users_words(second)[1]
    assert [record.question for record in records] == [WHAT, BEFORE]
    assert {request.participant for request in alices.asked} == {"alice"}
    assert [request.reason for request in alices.asked if not request.if_changed] == [BEGAN] * 2


async def test_a_turn_carries_what_was_held_up_as_the_user_fell_silent(
    livekit: LiveKitServer, bus: Bus, voice: VoiceServer
) -> None:
    room = "held up late"
    agent = Watched([], vision=hearing(voice), bus=bus, turn_handling=handling(preemptive=False))
    async with (
        asyncio.timeout(90),
        camera(bus, room) as alices,
        call(livekit, room, agent, voice, hearing(voice)) as talk,
    ):
        shows = iter(["an empty hand", "a red mug", "a red mug", "a red mug"])
        alices.on_capture = lambda: setattr(alices, "next", next(shows, ""))
        turn = asyncio.create_task(talk.say(WHAT))
        await talk.sees("a red mug")
        agent.may_end.set()
        await turn
    assert '"a red mug"' in users_words(voice.turns[0])[-1]
    first, *more, last = alices.asked
    assert (first.reason, first.if_changed) == (BEGAN, False)
    assert (last.reason, last.if_changed) == ("the user stopped to speak", True)
    assert more
    assert {(request.reason, request.if_changed) for request in more} == {("the user paused", True)}


async def test_no_frame_is_asked_for_where_the_settings_say_so(
    livekit: LiveKitServer, bus: Bus, voice: VoiceServer
) -> None:
    room = "not looked at"
    settings = hearing(voice, capture_on_speech=False)
    agent = VisionAgent(instructions="Be brief.", vision=settings, bus=bus)
    async with (
        asyncio.timeout(90),
        camera(bus, room) as alices,
        call(livekit, room, agent, voice, settings) as talk,
    ):
        await talk.say(WHAT)
    assert alices.asked == []


async def test_typed_turns_and_replies_of_its_own_carry_what_is_in_view(
    livekit: LiveKitServer, bus: Bus, voice: VoiceServer
) -> None:
    room = "typed and told"
    agent = VisionAgent(instructions="Be brief.", vision=hearing(voice), bus=bus)
    async with (
        asyncio.timeout(90),
        camera(bus, room) as alices,
        call(livekit, room, agent, voice, hearing(voice)) as talk,
    ):
        await alices.shows("a red mug")
        await talk.sees("a red mug")
        await talk.type(WHAT)
        await alices.shows("a blue book")
        await talk.sees("a blue book")
        talk.session.generate_reply(user_input=BEFORE)
        await talk.answered()
        await alices.shows("a green plant")
        await talk.sees("a green plant")
        talk.session.generate_reply(instructions="Say what you see.")
        await talk.answered()
    typed, told, own = voice.turns
    assert '"a red mug"' in users_words(typed)[-1]
    assert users_words(told)[0] == users_words(typed)[0]
    assert '"a blue book"' in users_words(told)[-1]
    assert users_words(own)[:2] == users_words(told)
    assert own.text.count('"a green plant"') == 1
    assert all("camera" not in message["content"] for message in own.messages if message["role"] == "system")
