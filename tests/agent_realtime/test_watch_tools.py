"""The tools with which a model watches, called as models call them: by language and realtime models."""

from __future__ import annotations

from livekit.agents import AgentSession

from sightline.bus import Bus
from sightline_agent import VisionAgent
from sightline_agent.realtime.settings import WatchSettings
from sightline_agent.settings import AgentSettings
from sightline_agent.watch_tools import WatchTools
from support.agents import completions
from support.realtime import talking
from support.realtime_server import Call, Item, RealtimeServer
from support.tool_calls import CallingServer, offered_tools, tool_outputs
from support.watching import Camera, Colours, Replies, typed

KETTLE = "the picture is blue"
QUICK = WatchSettings(interval=0.05, timeout=60, limit=2)


async def test_a_language_model_s_watch_is_told_without_a_turn_of_the_user_s(
    bus: Bus, captioner: Colours
) -> None:
    async with (
        CallingServer("So it is.", watch={"condition": KETTLE}) as model,
        typed(bus, model, tools=[WatchTools(settings=QUICK)]) as session,
    ):
        replies, camera = Replies(session), Camera(bus)
        await camera.shows("red")
        await session.run(user_input="Tell me when the picture is blue.")
        assert await replies.next() == "So it is."
        model.calls = {}
        await captioner.asked(1)
        await camera.shows("blue")
        assert await replies.next() == "So it is."
        assert sorted(offered_tools(completions(model)[0])) == ["stop_watching", "watch"]
        [output] = tool_outputs(completions(model)[1])
        assert output == "You are watching now, for 1 minutes at most. Say so in a few words."
        [told] = [each for each in completions(model) if "as soon as this is so" in str(each.messages)]
    assert f'"{KETTLE}"' in str(told.messages)


async def test_a_model_stops_watching_for_one_thing_or_for_all(bus: Bus) -> None:
    async with (
        CallingServer("So it is.") as model,
        typed(bus, model, tools=[WatchTools(settings=QUICK)]) as session,
    ):
        said = [
            await _calls(model, session, **calls)
            for calls in (
                {"watch": {"condition": "it rains"}},
                {"watch": {"condition": "the cat leaves"}},
                {"watch": {"condition": "it snows"}},
                {"stop_watching": {"condition": "it snows"}},
                {"stop_watching": {"condition": "It rains"}},
                {"stop_watching": {}},
                {"stop_watching": {}},
            )
        ]
    assert said[2].endswith("cancel one of: it rains; the cat leaves")
    assert said[3] == "You do not watch for that, but for: it rains; the cat leaves"
    numbers = [text.removeprefix("You have stopped watching for ") for text in said[4:]]
    assert numbers == ["1 of 2.", "1 of 1.", "0 of 0."]


async def test_a_realtime_model_s_watch_is_told_once(
    bus: Bus, captioner: Colours, server: RealtimeServer
) -> None:
    def answer(items: list[Item]) -> str | Call:
        watches = any(item["type"] == "function_call_output" for item in items)
        return "So it is." if watches else Call("watch", {"condition": KETTLE})

    server.answer = answer
    tools = WatchTools(settings=QUICK)
    agent = VisionAgent(instructions="", vision=AgentSettings(), bus=bus, room="demo", tools=[tools])
    async with talking(server, agent) as session:
        replies = Replies(session)
        await session.run(user_input="Tell me when the picture is blue.")
        assert await replies.next() == "So it is."
        await Camera(bus).shows("blue")
        assert await replies.next() == "So it is."
    assert len(server.responses) == 3
    assert f'"{KETTLE}"' in server.responses[2].instructions


async def test_the_end_of_its_agent_is_the_end_of_an_agent_s_watch(bus: Bus) -> None:
    tools = WatchTools(settings=QUICK)
    async with (
        CallingServer("So it is.", watch={"condition": KETTLE}) as model,
        typed(bus, model, tools=[tools]) as session,
    ):
        await session.run(user_input="Tell me when the picture is blue.")
        assert tools._watcher is not None
        [watching] = tools._watcher.watching
        session.update_agent(VisionAgent(instructions="", vision=AgentSettings(mode="off")))
        assert await watching.wait() == "cancelled"


async def _calls(model: CallingServer, session: AgentSession[None], **calls: dict[str, object]) -> str:
    """What a tool says that the model calls."""
    model.calls = dict(calls)
    await session.run(user_input="Go on.")
    [output] = tool_outputs(completions(model)[-1])
    return output
