"""Agents of a developer's own, on top of VisionAgent: tools, forgotten calls, a bus of their own."""

from __future__ import annotations

import asyncio

import pytest
from aiohttp import web
from livekit.agents import AgentSession, function_tool

from sightline.bus import Bus
from sightline.messages import TurnRecord
from sightline_agent import VisionAgent
from sightline_agent.models import language_model
from sightline_agent.settings import AgentSettings
from sightline_agent.turn import text_session
from support.agents import completions, now_shows, talking_to, users_words
from support.http_server import Events
from support.model_servers import OpenAIServer
from support.recorded import Recorded
from support.sights import frame, image


class Caller(OpenAIServer):
    """Calls the tool `look_up` first, and answers with words once it has its result."""

    def _complete(self, request: Recorded) -> web.StreamResponse:
        if any(message["role"] == "tool" for message in request.messages):
            return super()._complete(request)
        call = {"id": "call_1", "type": "function", "function": {"name": "look_up", "arguments": "{}"}}
        base = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "test-model"}
        delta = {"role": "assistant", "content": None, "tool_calls": [{"index": 0, **call}]}
        return Events(
            [
                base | {"choices": [{"index": 0, "delta": delta, "finish_reason": None}]},
                base | {"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]},
            ]
        )


class Clerk(VisionAgent):
    """An agent developer's own, with a tool."""

    @function_tool
    async def look_up(self) -> str:
        """Look something up."""
        return "found"


async def test_after_a_tool_the_turn_is_still_shown_the_same_images_included(bus: Bus) -> None:
    async with Caller(answer="Found.") as model:
        settings = talking_to(model, mode="both")
        records: list[TurnRecord] = []
        agent = Clerk(instructions="", vision=settings, bus=bus, room="demo", on_turn=records.append)
        async with Running(agent, settings) as session:
            await bus.publish(now_shows(bus, "a red mug"))
            await bus.publish(image(frame(1, bus.now()), data=b"pixels"))
            assert agent.eyes is not None
            eyes = agent.eyes
            assert await eyes.until(lambda: bool(eyes.context.images(eyes.now(), "agent")), 10)
            assert await eyes.until(lambda: bool(eyes.context.describe(eyes.now())), 10)
            await session.run(user_input="What do I hold?")
        first, second = completions(model)
    assert users_words(first) == users_words(second)
    assert first.images == second.images == [b"pixels"]
    assert [record.reply for record in records] == ["", "Found."]
    assert records[0].shown == records[1].shown


class Hasty(VisionAgent):
    """Overrides what it should call on super(), and does not."""

    async def on_enter(self) -> None:
        return

    async def on_exit(self) -> None:
        return


async def test_an_agent_that_forgets_to_call_super_sees_from_its_second_turn_on(
    bus: Bus, model: OpenAIServer
) -> None:
    settings = talking_to(model)
    agent = Hasty(instructions="", vision=settings, bus=bus, room="demo")
    async with Running(agent, settings) as session:
        await session.run(user_input="Hello")
        assert agent.eyes is not None
        eyes = agent.eyes
        await bus.publish(now_shows(bus, "a red mug"))
        assert await eyes.until(lambda: bool(eyes.context.describe(eyes.now())), 10)
        await session.run(user_input="What do I hold?")
    assert '"a red mug"' in users_words(completions(model)[-1])[-1]
    assert agent.eyes is None
    await asyncio.wait_for(_ended("sightline-eyes"), 5)


async def test_an_agent_finds_its_bus_by_itself_and_closes_it(
    bus: Bus, model: OpenAIServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NATS_URL", bus.settings.url)
    await bus.publish(now_shows(bus, "a red mug"))
    settings = talking_to(model)
    agent = VisionAgent(instructions="", vision=settings, room="demo")
    async with Running(agent, settings) as session:
        eyes = agent.eyes
        assert eyes is not None
        assert await eyes.until(lambda: bool(eyes.context.describe(eyes.now())), 10)
        await session.run(user_input="What do I hold?")
    assert '"a red mug"' in users_words(completions(model)[0])[0]
    assert agent.eyes is None
    await asyncio.wait_for(_ended("sightline-eyes"), 5)


class Running:
    """A text session with an agent of the test's own."""

    def __init__(self, agent: VisionAgent, settings: AgentSettings) -> None:
        self._agent, self._settings = agent, settings

    async def __aenter__(self) -> AgentSession[None]:
        self._model = await asyncio.to_thread(language_model, self._settings)
        self._session = text_session(self._model, self._settings)
        await self._session.start(self._agent)
        return self._session

    async def __aexit__(self, *_: object) -> None:
        await self._session.aclose()
        await self._model.aclose()


async def _ended(name: str) -> None:
    """Wait until there is no task of this name."""
    while tasks := [task for task in asyncio.all_tasks() if task.get_name() == name]:
        await asyncio.wait(tasks)
