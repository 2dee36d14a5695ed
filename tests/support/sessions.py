"""A developer's own agent in a real session, in text, without a LiveKit server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from livekit import rtc
from livekit.agents import AgentSession

from sightline.bus import Bus
from sightline.messages import Caption, EncodedImage, TurnRecord
from sightline_agent import VisionAgent
from sightline_agent.models import language_model
from sightline_agent.turn import text_session
from support.agents import talking_to
from support.model_servers import OpenAIServer


class Talk:
    """One conversation with one agent.

    Attributes:
        records: Of the turns so far.
    """

    def __init__(self, session: AgentSession[None], agent: VisionAgent, records: list[TurnRecord]) -> None:
        self.session, self.agent, self.records = session, agent, records

    async def shows(self, bus: Bus, *messages: Caption | EncodedImage) -> None:
        """Publish, and wait until the agent knows of it all."""
        eyes = self.agent.eyes
        assert eyes is not None
        for message in messages:
            await bus.publish(message)
            assert await eyes.until(partial(self._knows, message), 10), eyes.problem

    def _knows(self, message: Caption | EncodedImage) -> bool:
        eyes = self.agent.eyes
        assert eyes is not None
        assert message.frame is not None
        if isinstance(message, EncodedImage):
            return eyes.context.depicts(message.frame, message.profile)
        return eyes.context.describes(message.frame)

    async def says(self, words: str, **reply: Any) -> TurnRecord:
        """The user says this; the record of the last request of the turn."""
        return await self.reply(user_input=words, **reply)

    async def reply(self, **reply: Any) -> TurnRecord:
        """A reply, begun as a developer begins one."""
        handle = self.session.generate_reply(**reply)
        await handle
        return self.records[-1]


@asynccontextmanager
async def talking(
    model: OpenAIServer,
    bus: Bus,
    agent: type[VisionAgent] = VisionAgent,
    room: rtc.Room | None = None,
    instructions: str = "Be kind.",
    **settings: Any,
) -> AsyncIterator[Talk]:
    """An agent that sees the room `demo`, or the one that it is given."""
    records: list[TurnRecord] = []
    vision = talking_to(model, **settings)
    made = agent(
        instructions=instructions,
        vision=vision,
        bus=bus,
        room="" if room else "demo",
        on_turn=records.append,
    )
    llm = await asyncio.to_thread(language_model, vision)
    session = text_session(llm, vision)
    try:
        await (session.start(made, room=room) if room else session.start(made))
        yield Talk(session, made, records)
    finally:
        await session.aclose()
        await llm.aclose()


def conversation(talk: Talk) -> list[tuple[str, str]]:
    """What the agent's own conversation holds: roles and texts."""
    items = talk.agent.chat_ctx.items
    return [(item.role, item.text_content or "") for item in items if item.type == "message"]
