"""Which agents have the tools, whose eyes these use, and what settings say."""

from __future__ import annotations

from typing import Any

import pytest
from livekit.agents import Agent

from sightline.bus import Bus
from sightline.config import load
from sightline.errors import SettingsError
from sightline_agent import VisionAgent
from sightline_agent.eyes import Eyes
from sightline_agent.settings import AgentSettings
from sightline_agent.tools import configured_tools, vision_tools
from sightline_agent.tools.settings import ToolSettings
from sightline_agent.turn import TextSession, ask_once
from support.agents import completions, now_shows, talking_to
from support.tool_calls import CallingServer, offered_tools, tool_outputs
from support.tool_talk import typed

RECALL: dict[str, Any] = {"about": "mug"}


def names(tools: list[Any]) -> list[str]:
    return [tool.info.name for tool in tools]


def test_both_are_there_unless_one_is_chosen() -> None:
    assert names(vision_tools()) == ["look", "recall"]
    assert names(vision_tools(only=["recall"])) == ["recall"]


@pytest.mark.parametrize(
    ("value", "tools"),
    [("", []), ("look", ["look"]), (" recall , look ", ["recall", "look"]), ("look,look", ["look"])],
)
def test_the_setting_names_those_of_the_worker_and_the_chat(
    value: str, tools: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AGENT_TOOLS", value)
    assert names(configured_tools()) == tools


@pytest.mark.parametrize(
    ("variable", "value"),
    [("AGENT_TOOLS", "look,touch"), ("AGENT_RECALL_LANGUAGE", "klingon"), ("AGENT_LOOK_STAGE", "a.b")],
)
def test_a_bad_value_is_named(variable: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(SettingsError, match=variable):
        load(ToolSettings)


async def test_the_chat_has_no_tools_unless_they_are_set(bus: Bus) -> None:
    async with CallingServer(answer="I see.") as model:
        await ask_once(bus, "demo", "What do I hold?", talking_to(model), wait=0)
    [request] = completions(model)
    assert offered_tools(request) == []


async def test_the_chat_has_the_tools_that_are_set(bus: Bus, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGENT_TOOLS", "recall")
    await bus.publish(now_shows(bus, "a red mug"))
    async with CallingServer(recall=RECALL) as model, TextSession(bus, "demo", talking_to(model)) as session:
        record = await session.ask("What did I hold?")
    assert [offered_tools(each) for each in completions(model)] == [["recall"]] * 2
    assert '"a red mug"' in tool_outputs(completions(model)[-1])[0]
    assert record.reply == "So it is."


async def test_tools_of_the_session_use_the_eyes_that_they_are_given(bus: Bus) -> None:
    await bus.publish(now_shows(bus, "a red mug"))
    eyes = Eyes("demo", AgentSettings(), bus)
    eyes.start()
    agent = Agent(instructions="")
    async with (
        CallingServer(recall=RECALL) as model,
        typed(model, agent, tools=vision_tools(eyes)) as session,
    ):
        assert await eyes.until(lambda: bool(eyes.context.describe(eyes.now())), 20)
        await session.run(user_input="What did I hold?")
    await eyes.close()
    assert '"a red mug"' in tool_outputs(completions(model)[-1])[0]


async def test_tools_may_be_given_whatever_has_eyes(bus: Bus) -> None:
    await bus.publish(now_shows(bus, "a red mug"))
    async with CallingServer(recall=RECALL) as model:
        agent = VisionAgent(instructions="", vision=talking_to(model), bus=bus, room="demo")
        async with typed(model, agent, tools=vision_tools(agent)) as session:
            await session.run(user_input="What did I hold?")
    assert '"a red mug"' in tool_outputs(completions(model)[-1])[0]


@pytest.mark.parametrize("tool", ["look", "recall"])
async def test_an_agent_without_eyes_is_told_that_it_sees_nothing(bus: Bus, tool: str) -> None:
    calls: dict[str, Any] = {tool: {"question": "What?"} if tool == "look" else {}}
    async with CallingServer(**calls) as model:
        blind = VisionAgent(
            instructions="",
            vision=talking_to(model, mode="off"),
            bus=bus,
            room="demo",
            tools=[*vision_tools()],
        )
        for agent in (Agent(instructions="", tools=[*vision_tools()]), blind):
            async with typed(model, agent) as session:
                await session.run(user_input="What is there?")
            [output] = tool_outputs(completions(model)[-1])
            assert output.startswith("This agent sees nothing: its vision is off, or it is in no room yet.")


async def test_arguments_that_do_not_fit_are_told_and_the_turn_goes_on(bus: Bus) -> None:
    async with CallingServer(look='{"quest": 1}') as model:
        agent = VisionAgent(
            instructions="", vision=talking_to(model), bus=bus, room="demo", tools=[*vision_tools()]
        )
        async with typed(model, agent) as session:
            await session.run(user_input="What is there?")
    assert "question" in tool_outputs(completions(model)[-1])[0]
    assert len(completions(model)) == 2
