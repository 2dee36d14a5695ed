"""Each reply of a realtime model is recorded, with what was known to be in view and how old that was."""

from __future__ import annotations

import asyncio

import pytest

from sightline import subjects
from sightline.bus import Bus
from sightline.messages import TurnRecord
from sightline_agent import VisionAgent
from sightline_agent.settings import AgentSettings
from support.agents import now_shows
from support.realtime import talking
from support.realtime_server import RealtimeServer


@pytest.fixture(autouse=True)
def _shows_captions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGENT_REALTIME_SHOWS", "captions")


def seeing(bus: Bus, records: asyncio.Queue[TurnRecord]) -> VisionAgent:
    settings = AgentSettings(mode="realtime", max_caption_age=600)
    return VisionAgent(instructions="", vision=settings, bus=bus, room="demo", on_turn=records.put_nowait)


async def test_a_reply_to_the_user_is_recorded_with_what_the_model_was_told(
    server: RealtimeServer, bus: Bus
) -> None:
    records: asyncio.Queue[TurnRecord] = asyncio.Queue()
    published: asyncio.Queue[TurnRecord] = asyncio.Queue()

    async def take(record: TurnRecord) -> None:
        published.put_nowait(record)

    stop = await bus.serve(subjects.turns("demo"), TurnRecord, take)
    async with asyncio.timeout(60), talking(server, seeing(bus, records)) as session:
        seen = now_shows(bus, "a red mug")
        await bus.publish(seen)
        await server.until(lambda: len(server.texts) == 1)
        session.generate_reply(user_input="What is on the desk?")
        record = await records.get()
        assert await published.get() == record
    await stop()
    assert (record.question, record.begun_by, record.mode) == ("What is on the desk?", "user", "realtime")
    assert (record.reply, record.error) == ("I see.", "")
    [shown] = record.shown
    assert (shown.id, shown.text, shown.participant) == (seen.id, "a red mug", "alice")
    assert shown.age >= 0
    assert record.view_tokens == shown.tokens > 0


async def test_a_reply_that_the_agent_begins_is_recorded_as_its_own(server: RealtimeServer, bus: Bus) -> None:
    records: asyncio.Queue[TurnRecord] = asyncio.Queue()
    async with asyncio.timeout(60), talking(server, seeing(bus, records)) as session:
        session.generate_reply(instructions="Greet the user.")
        greeting = await records.get()
        session.generate_reply(user_input="Hello.")
        answer = await records.get()
    assert (greeting.question, greeting.begun_by, greeting.shown) == ("", "agent", ())
    assert (answer.question, answer.begun_by) == ("Hello.", "user")
