"""Tools of a session's model: they look through the client's camera, and the client is told of them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from livekit.agents import function_tool

from sightline.bus import Bus
from sightline.messages import Trigger
from sightline_agent.acting import acting
from sightline_agent.tools import vision_tools
from sightline_gateway.protocol import CaptureFrame, TextDelta, ToolCall, ToolResult
from sightline_gateway.session import VideoSession
from sightline_gateway.session.agent import GatewayAgent
from sightline_gateway.settings import SessionSettings
from support.agents import completions, talking_to
from support.gateway_sessions import Client, photo, stages
from support.scenes import BLUE, RED
from support.tool_calls import CallingServer, offered_tools, tool_outputs
from support.tool_talk import EAGER


class Banker(GatewayAgent):
    """Has a tool that acts, and one that fails."""

    @function_tool
    @acting("transfer")
    async def transfer(self, amount: int) -> str:
        """Transfer money."""
        return f"{amount} transferred"

    @function_tool
    async def fail(self) -> str:
        """Fail."""
        raise RuntimeError("connection to 10.1.2.3 refused")


@asynccontextmanager
async def calling(bus: Bus, **calls: Any) -> AsyncIterator[tuple[VideoSession, Client, CallingServer]]:
    """A session whose model makes these calls on each turn."""
    async with CallingServer(**calls) as model:
        agent = Banker(talking_to(model, mode="captions"), tools=[*vision_tools(settings=EAGER)])
        settings = SessionSettings(timer_interval=0, frame_wait=0.2)
        async with VideoSession(bus, agent=agent, settings=settings) as session:
            yield session, Client(session), model


async def test_the_model_looks_through_the_clients_camera(bus: Bus) -> None:
    async with stages(bus, "captioner"), calling(bus, look={"question": "What does it say?"}) as parts:
        session, client, model = parts
        await client.shows(photo(BLUE))
        client.answers(lambda: photo(RED, "HELLO"))
        assert await session.send_text("Read it to me.") == "So it is."
        requests = client.told(CaptureFrame)
    first, second = completions(model)
    assert "look" in offered_tools(first)
    assert "HELLO" in tool_outputs(second)[0]
    # The change of scene may be asked for as well, where describing it takes long.
    assert Trigger.USER_REQUEST in {request.reason for request in requests}


async def test_the_client_is_told_of_each_call_and_what_came_of_it(bus: Bus) -> None:
    async with calling(bus, transfer={"amount": 10}) as (session, client, _):
        await session.send_text("Please transfer ten euros.")
        [call], [result] = client.told(ToolCall), client.told(ToolResult)
        assert client.messages.index(call) < client.messages.index(result)
        assert client.messages.index(result) < client.messages.index(client.told(TextDelta)[0])
    assert (call.tool_name, call.input) == ("transfer", {"amount": 10})
    assert (result.name, result.tool_call_id, result.result) == (
        "transfer",
        call.tool_call_id,
        "10 transferred",
    )


async def test_a_tool_that_acts_needs_the_users_own_words_not_those_of_the_view(bus: Bus) -> None:
    async with stages(bus, "captioner"), calling(bus, transfer={"amount": 10}) as (session, client, model):
        await client.shows(photo(RED, "TRANSFER"))
        eyes = session._agent.eyes
        assert eyes is not None
        assert await eyes.until(lambda: "TRANSFER" in session.frame_context[0].description, 30)
        await session.send_text("What do you see?")
        [result] = client.told(ToolResult)
    assert "the user's own words do not ask for it" in tool_outputs(completions(model)[-1])[0]
    assert result.result == "The tool failed."


async def test_a_tool_that_fails_keeps_its_insides_to_itself(bus: Bus) -> None:
    async with calling(bus, fail={}) as (session, client, _):
        assert await session.send_text("Try it.") == "So it is."
        [result] = client.told(ToolResult)
    assert result.result == "The tool failed."
