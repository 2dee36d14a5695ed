"""Spoken turns, as LiveKit's own recognition reports them: begun early, adopted, or thrown away.

The session, the agent and the model's endpoint are real; that somebody speaks is told to the session's
activity in the place of a microphone and a speech-to-text service.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from livekit.agents import AgentSession
from livekit.agents.llm import ChatContext, ChatMessage
from livekit.agents.voice.audio_recognition import (
    _EndOfTurnInfo,
    _EndOfTurnMetrics,
    _PreemptiveGenerationInfo,
)

from sightline.bus import Bus
from sightline.messages import EncodedImage, TurnRecord
from sightline_agent import VisionAgent
from sightline_agent.models import language_model
from sightline_agent.turn import text_session
from support.agents import completions, now_shows, talking_to, users_words
from support.model_servers import OpenAIServer
from support.sights import frame, image


class Call:
    """A conversation in which the agent sees a red mug."""

    def __init__(
        self, session: AgentSession[None], agent: VisionAgent, records: list[TurnRecord], bus: Bus
    ) -> None:
        self.session, self.agent, self.records, self._bus = session, agent, records, bus
        assert session._activity is not None
        self._activity = session._activity

    async def shows(self, shot: EncodedImage) -> None:
        """Wait until the agent has this image."""
        eyes, about = self.agent.eyes, shot.frame
        assert eyes is not None
        assert about is not None
        await self._bus.publish(shot)
        assert await eyes.until(lambda: eyes.context.depicts(about, shot.profile), 10)

    def hears(self, words: str) -> None:
        """The words so far are likely all of the turn: LiveKit begins to answer."""
        info = _PreemptiveGenerationInfo(words, transcript_confidence=1.0, started_speaking_at=time.time())
        self._activity.on_preemptive_generation(info)

    async def ends(self, words: str) -> None:
        """The turn is over, and so is the answer to it."""
        metrics = _EndOfTurnMetrics(None, None, None, None)
        info = _EndOfTurnInfo(False, words, transcript_confidence=1.0, metrics=metrics)
        answered = asyncio.Event()
        self.session.once("conversation_item_added", lambda _: answered.set())
        self._activity.on_end_of_turn(info)
        await answered.wait()
        while self.session.current_speech is not None:
            await self.session.current_speech


class Informed(VisionAgent):
    """Looks knowledge up for each turn, as LiveKit's recipe has it."""

    async def on_user_turn_completed(self, turn_ctx: ChatContext, new_message: ChatMessage) -> None:
        turn_ctx.add_message(role="assistant", content="Known: mugs are for tea.")


@asynccontextmanager
async def call(
    bus: Bus, model: OpenAIServer, kind: type[VisionAgent] = VisionAgent, **settings_of_test: Any
) -> AsyncIterator[Call]:
    settings, records = talking_to(model, **settings_of_test), list[TurnRecord]()
    agent = kind(instructions="", vision=settings, bus=bus, room="demo", on_turn=records.append)
    llm = await asyncio.to_thread(language_model, settings)
    session = text_session(llm, settings)
    await session.start(agent)
    eyes = agent.eyes
    assert eyes is not None
    await bus.publish(now_shows(bus, "a red mug"))
    assert await eyes.until(lambda: eyes.context.describes(frame(1)), 10)
    try:
        async with asyncio.timeout(30):
            yield Call(session, agent, records, bus)
    finally:
        await session.aclose()
        await llm.aclose()


async def test_a_spoken_turn_carries_the_view_and_asks_the_model_once(bus: Bus, model: OpenAIServer) -> None:
    async with call(bus, model) as talk:
        await talk.ends("What do I hold?")
    [request] = completions(model)
    assert '"a red mug"' in users_words(request)[-1]


async def test_a_reply_that_was_begun_early_carries_the_view_and_is_adopted(
    bus: Bus, model: OpenAIServer
) -> None:
    async with call(bus, model) as talk:
        talk.hears("What do I hold?")
        await model.requested(2)  # the list of models, and the completion
        await talk.ends("What do I hold?")
        await talk.ends("And whose is it?")
    first, second = completions(model)
    assert '"a red mug"' in users_words(first)[-1]
    assert users_words(second)[0] == users_words(first)[0]


async def test_a_reply_that_was_begun_too_early_is_recorded_as_cancelled(
    bus: Bus, model: OpenAIServer
) -> None:
    async with call(bus, model) as talk:
        model.latency = 0.2
        talk.hears("What do I")
        await model.requested(2)
        model.latency = 0.0
        await talk.ends("What do I hold?")
        assert [(record.question, record.error) for record in talk.records] == [
            ("What do I", "cancelled"),
            ("What do I hold?", ""),
        ]
    assert all('"a red mug"' in users_words(request)[-1] for request in completions(model))


async def test_knowledge_that_is_looked_up_for_the_turn_does_not_keep_it_from_seeing(
    bus: Bus, model: OpenAIServer
) -> None:
    async with call(bus, model, Informed) as talk:
        await talk.ends("What do I hold?")
        [record] = talk.records
    [words] = users_words(completions(model)[-1])
    assert '"a red mug"' in words
    assert "Known: mugs are for tea." in completions(model)[-1].text
    assert (record.begun_by, record.question) == ("user", "What do I hold?")


async def test_a_reply_that_was_thrown_away_takes_no_place_among_the_images_that_stay(
    bus: Bus, model: OpenAIServer
) -> None:
    async with call(bus, model, mode="images", max_images_in_history=1) as talk:
        await talk.shows(image(frame(2, bus.now()), data=b"one"))
        await talk.ends("What do I hold?")
        await talk.shows(image(frame(3, bus.now()), data=b"two"))
        talk.hears("And what")
        await model.requested(3)
        await talk.ends("And what is that?")
    first, thrown_away, second = completions(model)
    assert first.images == [b"one"]
    assert thrown_away.images == second.images == [b"one", b"two"]
