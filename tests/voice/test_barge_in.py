"""The user speaks while the agent does: it stops, and the next turn knows what was said and what is there."""

from __future__ import annotations

import asyncio

import pytest
from livekit.agents.llm import ChatMessage

from sightline.bus import Bus
from sightline.messages import TurnRecord
from sightline_agent import VisionAgent
from support.agents import users_words
from support.livekit_server import LiveKitServer
from support.speech import seconds_of_sound, spoken
from support.voice_call import BEFORE, WHAT, call, camera, hearing
from support.voice_server import VoiceServer

pytestmark = pytest.mark.livekit

BEGIN = "That is a red mug, and quite a nice one."
LONG = " ".join(
    [
        BEGIN,
        "I could tell you a lot about mugs, because they are among the oldest things that people made.",
        "The first of them were made of wood and of bone, and some of them are twelve thousand years old.",
        "Later on they were made of clay, and later still of porcelain, of glass, of tin and of silver.",
        "And so you see that there is hardly anything that would be more worth a long conversation.",
    ]
)

UNINTERRUPTED = 4.0
"""Seconds of its voice, more than the three in which livekit-agents lets nobody interrupt its first words,
while echo cancellation learns."""


@pytest.mark.parametrize("writing", [False, True], ids=["all of it written", "the model still writing"])
async def test_a_user_who_speaks_while_the_agent_does_is_listened_to_and_shown_the_present(
    writing: bool, livekit: LiveKitServer, bus: Bus, voice: VoiceServer
) -> None:
    room, records = f"barge-in-{writing}", list[TurnRecord]()
    agent = VisionAgent(instructions="Be brief.", vision=hearing(voice), bus=bus, on_turn=records.append)
    voice.answer, voice.goes_on = LONG, writing
    async with (
        asyncio.timeout(110),
        camera(bus, room) as alices,
        call(livekit, room, agent, voice, hearing(voice)) as talk,
    ):
        alices.next = "a red mug"
        await talk.alice.say(WHAT)
        await talk.alice.hears_so_much(UNINTERRUPTED)
        voice.answer, voice.goes_on = "I see.", False
        alices.next = "a blue book"
        await talk.alice.say(BEFORE)
        said = await talk.answered()
        assert await talk.answered() == "I see."
        await talk.alice.hears("I see.", WHAT, BEFORE)
        heard = seconds_of_sound(talk.alice.heard)
        history = [item for item in talk.session.history.items if isinstance(item, ChatMessage)]
    # Its voice stopped in the middle, and what it is taken to have said is what was heard.
    assert heard < seconds_of_sound(spoken(LONG)) / 2
    assert said.startswith(BEGIN.split(",")[0])
    assert LONG.startswith(said.strip())
    assert len(said) < len(LONG) / 2
    assert [(item.role, item.interrupted) for item in history] == [
        ("user", False),
        ("assistant", True),
        ("user", False),
        ("assistant", False),
    ]
    first, second = voice.turns
    assert '"a red mug"' in users_words(first)[-1]
    assert [message["role"] for message in second.messages] == ["system", "user", "assistant", "user"]
    assert users_words(second)[0] == users_words(first)[0]
    assert second.messages[2]["content"] == said
    assert '"a blue book"' in users_words(second)[1]
    assert '"a red mug"' not in users_words(second)[1]
    # The record of the interrupted turn holds what the model wrote, and whether it had ended.
    assert [record.question for record in records] == [WHAT, BEFORE]
    assert [record.error for record in records] == ["cancelled" if writing else "", ""]
    assert records[0].reply == LONG
    assert [shown.text for record in records for shown in record.shown] == ["a red mug", "a blue book"]
    assert [request.participant for request in alices.asked if not request.if_changed] == ["alice"] * 2
