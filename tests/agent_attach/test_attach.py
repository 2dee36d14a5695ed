"""attach_vision: agents that know nothing of Sightline, in sessions that see."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from aiohttp import web
from livekit.agents import Agent, AgentSession, AgentTask, function_tool
from livekit.agents.llm import ChatChunk, ChatContext, ChatMessage

from sightline.bus import Bus
from sightline.messages import TurnRecord
from sightline_agent import VisionAgent, attach_vision
from sightline_agent.models import language_model
from sightline_agent.sight import Sight
from sightline_agent.turn import text_session
from support.agents import completions, now_shows, talking_to, users_words
from support.http_server import Events
from support.model_servers import OpenAIServer
from support.recorded import Recorded

RED_MUG = '"a red mug"'


class Scripted(OpenAIServer):
    """Calls these tools, one a request, and answers with words where it is "" and from then on."""

    def __init__(self, *tools: str) -> None:
        super().__init__(answer="I see.")
        self._tools = tools

    def _complete(self, request: Recorded) -> web.StreamResponse:
        number = len(completions(self))
        if number > len(self._tools) or not self._tools[number - 1]:
            return super()._complete(request)
        function = {"name": self._tools[number - 1], "arguments": "{}"}
        call = {"id": f"call_{number}", "type": "function", "function": function}
        base = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "test-model"}
        delta = {"role": "assistant", "content": None, "tool_calls": [{"index": 0, **call}]}
        return Events(
            [
                base | {"choices": [{"index": 0, "delta": delta, "finish_reason": None}]},
                base | {"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]},
            ]
        )


@dataclass
class Call:
    """A session that sees a red mug."""

    session: AgentSession[None]
    sight: Sight
    records: list[TurnRecord]


@pytest.fixture
async def model() -> AsyncIterator[OpenAIServer]:
    async with OpenAIServer(answer="I see.") as server:
        yield server


@asynccontextmanager
async def call(bus: Bus, model: OpenAIServer, agent: Agent, late: bool = False) -> AsyncIterator[Call]:
    """A session with this agent, which a line makes see: before it starts, or `late`."""
    settings, records = talking_to(model), list[TurnRecord]()
    llm = await asyncio.to_thread(language_model, settings)
    session = text_session(llm, settings)

    def attach() -> Sight:
        return attach_vision(session, "demo", vision=settings, bus=bus, on_turn=records.append)

    sight = None if late else attach()
    await session.start(agent)
    sight = sight or attach()
    await sees(sight, bus)
    try:
        yield Call(session, sight, records)
    finally:
        await session.aclose()
        await llm.aclose()


async def sees(sight: Sight, bus: Bus) -> None:
    eyes = sight.eyes
    if eyes is None:
        return
    await bus.publish(now_shows(bus, "a red mug"))
    assert await eyes.until(lambda: bool(eyes.context.describe(eyes.now())), 10)


class Plain(Agent):
    """An agent as livekit-agents' documentation has it."""

    def __init__(self) -> None:
        super().__init__(instructions="Be plain.")


@pytest.mark.parametrize("late", [False, True])
async def test_an_agent_that_knows_nothing_of_it_sees(bus: Bus, model: OpenAIServer, late: bool) -> None:
    async with call(bus, model, Plain(), late) as talk:
        await talk.session.run(user_input="What do I hold?")
    [request] = completions(model)
    [words] = users_words(request)
    assert RED_MUG in words
    assert words.endswith("What do I hold?")
    [record] = talk.records
    assert (record.question, record.reply, len(record.shown)) == ("What do I hold?", "I see.", 1)


async def test_what_was_shown_stays_in_the_history(bus: Bus, model: OpenAIServer) -> None:
    async with call(bus, model, Plain()) as talk:
        await talk.session.run(user_input="What do I hold?")
        await talk.session.run(user_input="Thanks.")
        texts = [item.text_content for item in talk.session.history.items if isinstance(item, ChatMessage)]
    first, second = completions(model)
    assert users_words(second)[0] == users_words(first)[0]
    assert texts[0] == "What do I hold?"


class Streams(Plain):
    async def llm_node(
        self, chat_ctx: ChatContext, tools: list[Any], model_settings: Any
    ) -> AsyncIterator[ChatChunk | str]:
        yield "First: "
        async for chunk in Agent.default.llm_node(self, chat_ctx, tools, model_settings):
            yield chunk


class Returns(Plain):
    def llm_node(
        self, chat_ctx: ChatContext, tools: list[Any], model_settings: Any
    ) -> AsyncIterable[ChatChunk | str]:
        return Agent.default.llm_node(self, chat_ctx, tools, model_settings)


class AwaitedStream(Plain):
    async def llm_node(
        self, chat_ctx: ChatContext, tools: list[Any], model_settings: Any
    ) -> AsyncIterable[ChatChunk | str]:
        return Agent.default.llm_node(self, chat_ctx, tools, model_settings)


class AwaitedText(Plain):
    async def llm_node(self, chat_ctx: ChatContext, tools: list[Any], model_settings: Any) -> str:
        answer = ""
        async for chunk in Agent.default.llm_node(self, chat_ctx, tools, model_settings):
            if chunk.delta and chunk.delta.content:
                answer += chunk.delta.content
        return answer.upper()


@pytest.mark.parametrize(
    ("kind", "reply"),
    [(Streams, "First: I see."), (Returns, "I see."), (AwaitedStream, "I see."), (AwaitedText, "I SEE.")],
)
async def test_an_llm_node_of_the_agents_own_is_given_the_view_and_its_reply_is_said(
    bus: Bus, model: OpenAIServer, kind: Callable[[], Agent], reply: str
) -> None:
    async with call(bus, model, kind()) as talk:
        result = await talk.session.run(user_input="What do I hold?")
    assert RED_MUG in users_words(completions(model)[0])[-1]
    assert result.events[-1].item.text_content == reply
    assert [record.reply for record in talk.records] == [reply]


class Silent(Plain):
    async def llm_node(self, chat_ctx: ChatContext, tools: list[Any], model_settings: Any) -> None:
        return None


async def test_an_llm_node_that_says_nothing_says_nothing(bus: Bus, model: OpenAIServer) -> None:
    async with call(bus, model, Silent()) as talk:
        await talk.session.run(user_input="What do I hold?")
    assert completions(model) == []
    assert [(record.reply, record.error) for record in talk.records] == [("", "")]


class Broken(Plain):
    async def llm_node(self, chat_ctx: ChatContext, tools: list[Any], model_settings: Any) -> str:
        raise ValueError("out of order")


async def test_an_llm_node_that_fails_fails_as_before_and_is_recorded(bus: Bus, model: OpenAIServer) -> None:
    async with call(bus, model, Broken()) as talk:
        with pytest.raises(ValueError, match="out of order"):
            await talk.session.run(user_input="What do I hold?")
    assert [record.error for record in talk.records] == ["ValueError: out of order"]


class Remembers(Plain):
    """Adds what it knows to the conversation in its llm_node, and leaves its own words out of it."""

    async def llm_node(
        self, chat_ctx: ChatContext, tools: list[Any], model_settings: Any
    ) -> AsyncIterator[ChatChunk | str]:
        if not any(item.id == "known" for item in chat_ctx.items):
            chat_ctx.items[:] = [
                item for item in chat_ctx.items if item.type != "message" or item.role != "system"
            ]
            chat_ctx.add_message(role="developer", content="The user's name is Alice.", id="known")
        async for chunk in Agent.default.llm_node(self, chat_ctx, tools, model_settings):
            yield chunk

    @function_tool
    async def look_up(self) -> str:
        """Look something up."""
        return "found"


async def test_what_an_llm_node_changes_in_the_conversation_holds_after_its_tools_as_ever(bus: Bus) -> None:
    async with Scripted("look_up") as model:
        settings = talking_to(model)
        llm = await asyncio.to_thread(language_model, settings)
        async with text_session(llm, settings) as session:
            await session.start(Remembers())
            await session.run(user_input="What do I hold?")
        await llm.aclose()
        unseeing = [request.messages for request in completions(model)]
    async with Scripted("look_up") as model:
        async with call(bus, model, Remembers()) as talk:
            await talk.session.run(user_input="What do I hold?")
        seeing = [request.messages for request in completions(model)]
    assert RED_MUG in str(seeing[0])
    assert [without_view(messages) for messages in seeing] == unseeing
    assert "The user's name is Alice." in str(seeing[1])


def without_view(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The messages of a request as they were before the view came in."""
    return [
        message | {"content": message["content"].splitlines()[-1]} if message["role"] == "user" else message
        for message in messages
    ]


class Greeter(Plain):
    """Hands over to somebody else."""

    @function_tool
    async def hand_over(self) -> tuple[Agent, str]:
        """Hand over."""
        return Plain(), "Somebody else takes over."


async def test_an_agent_that_takes_over_sees_too(bus: Bus) -> None:
    async with (
        Scripted("hand_over") as model,
        call(bus, model, Greeter()) as talk,
    ):
        greeter = talk.session.current_agent
        await talk.session.run(user_input="Give me somebody else.")
        assert talk.session.current_agent is not greeter
        await talk.session.run(user_input="What do I hold?")
        talk.session.update_agent(Streams())
        await talk.session.run(user_input="And you?")
    asked = [users_words(request)[-1] for request in completions(model)]
    assert len(asked) == len(talk.records)
    assert [words.splitlines()[-1] for words in asked[-2:]] == ["What do I hold?", "And you?"]
    assert all(RED_MUG in words for words in asked)


class Form(AgentTask[str]):
    """Asks for something, and is done when it has it."""

    def __init__(self) -> None:
        super().__init__(instructions="Ask which one.")

    async def on_enter(self) -> None:
        self.session.generate_reply(instructions="Ask which one.")

    @function_tool
    async def finish(self) -> None:
        """The user has said which one."""
        self.complete("the red one")


class Clerk(Plain):
    @function_tool
    async def fill_in(self) -> str:
        """Fill in a form."""
        return await Form()


async def test_a_task_in_between_sees_and_so_does_the_agent_that_goes_on_after_it(bus: Bus) -> None:
    async with Scripted("fill_in", "", "finish") as model, call(bus, model, Clerk()) as talk:
        clerk = talk.session.current_agent
        await talk.session.run(user_input="I need a mug.")
        assert isinstance(talk.session.current_agent, Form)
        await talk.session.run(user_input="This one.")
        assert talk.session.current_agent is clerk
        await talk.session.run(user_input="Thanks.")
    requests = completions(model)
    assert len(requests) == len(talk.records) == 5
    assert all(record.shown for record in talk.records)
    assert all(RED_MUG in request.text for request in requests)


async def test_a_vision_agent_in_a_session_that_sees_is_shown_things_once(
    bus: Bus, model: OpenAIServer
) -> None:
    agent = VisionAgent(instructions="", vision=talking_to(model), bus=bus, room="demo")
    async with call(bus, model, agent) as talk:
        assert agent.eyes is not None
        await sees(agent.sight, bus)
        await talk.session.run(user_input="What do I hold?")
    assert users_words(completions(model)[0])[0].count(RED_MUG) == 1
    assert talk.records == []


async def test_a_session_is_attached_once(bus: Bus, model: OpenAIServer) -> None:
    async with call(bus, model, Plain()) as talk:
        with pytest.raises(ValueError, match="expected a session without eyes"):
            attach_vision(talk.session, "demo")


async def test_nothing_is_left_of_it_when_the_session_is_over(bus: Bus, model: OpenAIServer) -> None:
    agent = Plain()
    async with call(bus, model, agent) as talk:
        assert "llm_node" in vars(agent)
    assert "llm_node" not in vars(agent)
    assert talk.sight.eyes is None
    running = [task for task in asyncio.all_tasks() if task.get_name() == "sightline-eyes"]
    if running:
        await asyncio.wait(running, timeout=10)
    assert all(task.done() for task in running)


async def test_whoever_wraps_the_agents_llm_node_as_well_keeps_it_wrapped(
    bus: Bus, model: OpenAIServer
) -> None:
    agent, calls = Plain(), list[str]()

    def wrapped(name: str) -> None:
        node = agent.llm_node

        def called(*arguments: Any) -> Any:
            calls.append(name)
            return node(*arguments)

        vars(agent)["llm_node"] = called

    wrapped("before")
    before = vars(agent)["llm_node"]
    async with call(bus, model, agent) as talk:
        await talk.session.run(user_input="What do I hold?")
    assert vars(agent)["llm_node"] is before
    async with call(bus, model, agent) as talk:
        wrapped("after")
        after = vars(agent)["llm_node"]
        await talk.session.run(user_input="What do I hold?")
    assert vars(agent)["llm_node"] is after
    assert calls == ["before", "after", "before"]
    assert all(RED_MUG in users_words(request)[-1] for request in completions(model))


async def test_a_session_that_is_started_again_sees_again(bus: Bus, model: OpenAIServer) -> None:
    agent = Plain()
    async with call(bus, model, agent) as talk:
        await talk.session.aclose()
        await talk.session.start(agent)
        await sees(talk.sight, bus)
        await talk.session.run(user_input="What do I hold?")
    assert RED_MUG in users_words(completions(model)[0])[-1]
