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
    order = ["capture", *(["request", "turn over"] if preemptive else ["turn over", "request"])]
    assert events[: len(order)] == order
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
    assert [request.participant for request in alices.asked] == ["alice", "alice"]


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
