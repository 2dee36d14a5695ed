"""A conversation in text with an agent that has tools: a real session, and what its model was sent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from livekit import rtc
from livekit.agents import Agent, AgentSession
from livekit.agents.llm import Tool
from livekit.agents.voice.room_io import RoomOptions

from sightline.bus import Bus
from sightline.messages import Track, TurnRecord
from sightline_agent import VisionAgent
from sightline_agent.eyes import Eyes
from sightline_agent.models import language_model
from sightline_agent.tools import vision_tools
from sightline_agent.tools.settings import ToolSettings
from support.agents import completions, talking_to
from support.tool_calls import CallingServer, tool_outputs

EAGER = ToolSettings(look_fresh=0.0)
"""Has a frame taken before each look."""


@dataclass
class Talk:
    """One conversation."""

    session: AgentSession[None]
    agent: VisionAgent
    model: CallingServer
    records: list[TurnRecord]

    @property
    def eyes(self) -> Eyes:
        assert self.agent.eyes is not None
        return self.agent.eyes

    async def until(self, condition: Callable[[Eyes], bool]) -> None:
        """Wait until the agent knows."""
        assert await self.eyes.until(lambda: condition(self.eyes), timeout=20), self.eyes.problem

    async def sees(self, *tracks: Track) -> None:
        """Wait until the agent knows that these tracks are in view."""
        await self.until(lambda eyes: {frame.track for frame in eyes.context.in_view} >= set(tracks))

    async def ask(self, question: str = "What is there?") -> str:
        """One turn, in which the model calls its tools. Returns what the only tool said to the model."""
        await self.session.run(user_input=question)
        [output] = tool_outputs(completions(self.model)[-1])
        return output


@asynccontextmanager
async def talking(
    bus: Bus,
    settings: ToolSettings = EAGER,
    room: str = "demo",
    joined: rtc.Room | None = None,
    **calls: dict[str, object] | str,
) -> AsyncIterator[Talk]:
    """A conversation whose model makes these calls on each turn; see CallingServer."""
    async with CallingServer(**calls) as model:
        records: list[TurnRecord] = []
        agent = VisionAgent(
            instructions="Be kind.",
            vision=talking_to(model),
            bus=bus,
            room=room,
            on_turn=records.append,
            tools=[*vision_tools(settings=settings)],
        )
        async with typed(model, agent, joined=joined) as session:
            yield Talk(session, agent, model, records)


@asynccontextmanager
async def typed(
    model: CallingServer, agent: Agent, tools: Sequence[Tool] = (), joined: rtc.Room | None = None
) -> AsyncIterator[AgentSession[None]]:
    """A session of an agent with this model, in text.

    Args:
        tools: Of the session, besides the agent's.
        joined: The LiveKit room that it is in; without one it is in none.
    """
    settings = talking_to(model)
    # Its client reads certificates, and modules, from the disk.
    client = await asyncio.to_thread(language_model, settings)
    session: AgentSession[None] = AgentSession(
        llm=client, tools=[*tools], vad=None, turn_handling={"turn_detection": None}
    )
    if joined is None:
        await session.start(agent)
    else:
        options = RoomOptions(audio_input=False, audio_output=False, text_input=True)
        await session.start(agent, room=joined, room_options=options)
    try:
        yield session
    finally:
        await session.aclose()
        await client.aclose()
