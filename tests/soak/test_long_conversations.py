"""A conversation grows with what is said in it, and with little else."""

from __future__ import annotations

import gc

from livekit.agents.voice import SpeechHandle

from sightline.bus import Bus
from sightline_agent.turn import TextSession
from support.agents import talking_to
from support.soaking import Talker

TURNS = 30


def held_replies() -> int:
    """Replies of which something still holds the tasks, contexts and measures."""
    gc.collect()
    return sum(isinstance(each, SpeechHandle) for each in gc.get_objects())


async def test_a_conversation_keeps_what_was_said_and_lets_go_of_how_it_came_about(bus: Bus) -> None:
    before = held_replies()
    async with Talker() as talks, TextSession(bus, "demo", talking_to(talks)) as session:
        for number in range(TURNS):
            record = await session.ask(f"question {number}")
            assert not record.error
        said = [item.raw_text_content for item in session.agent.chat_ctx.items if item.type == "message"]
        held = held_replies() - before
    assert [each for each in said if each and each.startswith("question")] == [
        f"question {number}" for number in range(TURNS)
    ]
    assert held < TURNS / 2, f"{held} of {TURNS} replies are still held"
