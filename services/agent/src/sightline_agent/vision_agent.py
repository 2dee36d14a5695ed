"""VisionAgent: a LiveKit agent that knows what is in view as it answers."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from typing import Any

from livekit.agents import Agent, ModelSettings
from livekit.agents.llm import ChatContext, Tool

from sightline.bus import Bus
from sightline.config import load
from sightline.messages import TurnRecord
from sightline_agent.eyes import Eyes
from sightline_agent.settings import AgentSettings, Mode
from sightline_agent.sight import Chunk, Host, Sight


class VisionAgent(Agent):
    """An agent whose every turn, spoken or typed, carries what the room's cameras and screens show::

        class MyAgent(VisionAgent): ...

        await session.start(MyAgent(instructions="…"), room=ctx.room)

    It opens its eyes in ``on_enter`` and closes them in ``on_exit``: a subclass that overrides
    these calls them on ``super()``. Enriching is a lookup in memory; when the bus is away, the turn
    goes on without. Realtime (speech-to-speech) models have no ``llm_node``; mode ``realtime`` is theirs.

    Args:
        instructions: The system prompt.
        vision: How it sees; read from ``AGENT_*`` by default.
        bus: A started bus that the caller closes; by default one of its own, from ``NATS_*``.
        room: The room to see; by default the one that the session is in.
        on_turn: Called with the record of each turn, which is also published.
        agent: Further arguments of ``livekit.agents.Agent``.
    """

    def __init__(
        self,
        *,
        instructions: str,
        vision: AgentSettings | None = None,
        bus: Bus | None = None,
        room: str = "",
        on_turn: Callable[[TurnRecord], None] | None = None,
        **agent: Any,
    ) -> None:
        super().__init__(instructions=instructions, **agent)
        self.vision = vision or load(AgentSettings)
        self.sight = Sight(self.vision, bus, room, on_turn)

    @property
    def eyes(self) -> Eyes | None:
        """What it sees with; None before it entered a room, or when its mode is `off`."""
        return self.sight.eyes

    def see_for(self, host: Host, bus: Bus, room: str) -> None:
        """See a room that is none of LiveKit's, before the session starts.

        Args:
            host: Whoever shows the room.
            bus: Started; the host closes it.
            room: As its frames name it.
        """
        self.sight = self.sight.hosted(bus, room, host)

    async def on_enter(self) -> None:
        """Begin to see. Returns at once, whatever the bus does."""
        self.sight.open(self.session)

    async def on_exit(self) -> None:
        """See no more."""
        await self.sight.close()

    def mode_of_turn(self, words: str) -> Mode:
        """What a turn is shown; override it to choose by the turn. ``showing`` goes before it.

        Args:
            words: The user's own of this turn; empty where the agent begins by itself.
        """
        return self.vision.mode

    async def llm_node(
        self, chat_ctx: ChatContext, tools: list[Tool], model_settings: ModelSettings
    ) -> AsyncGenerator[Chunk, None]:
        """Ask the model, showing it what is in view. Called once a turn, and after each tool."""
        sent, clock = await self.sight.see(chat_ctx, self, self.mode_of_turn)
        with self.sight.telling(clock, sent):
            async for chunk in Agent.default.llm_node(self, sent, tools, model_settings):
                clock.take(chunk)
                yield chunk
