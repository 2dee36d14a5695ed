"""A call in which people send images to an agent, on the real LiveKit server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from livekit.agents import Agent, AgentSession, ChatContext

from sightline_agent.images.inbox import ImageInbox
from sightline_agent.images.settings import ImageSettings
from sightline_agent.models import language_model
from sightline_agent.turn import text_session
from support.agents import completions, in_room, talking_to
from support.livekit_publisher import Publisher
from support.livekit_server import LiveKitServer
from support.model_servers import OpenAIServer
from support.recorded import Recorded
from support.uploads import CHAT, Texts


class Anybody(Agent):
    """An agent that knows nothing of Sightline, and tells when its conversation was changed."""

    def __init__(self, **agent: Any) -> None:
        super().__init__(instructions="Be brief.", **agent)
        self.changed = asyncio.Event()

    async def update_chat_ctx(
        self, chat_ctx: ChatContext, *, exclude_invalid_function_calls: bool = True
    ) -> None:
        await super().update_chat_ctx(chat_ctx, exclude_invalid_function_calls=exclude_invalid_function_calls)
        self.changed.set()


@dataclass
class Call:
    """Alice and an agent, in one room."""

    alice: Publisher
    session: AgentSession[None]
    inbox: ImageInbox
    texts: Texts
    model: OpenAIServer

    async def send(self, data: bytes, name: str = "cat.png", topic: str = "images", **more: Any) -> None:
        await self.alice.room.local_participant.send_bytes(data, topic=topic, name=name, **more)

    async def type(self, text: str) -> Recorded:
        """A typed turn; returns what the model is asked for it."""
        before = len(completions(self.model))
        await self.alice.room.local_participant.send_text(text, topic=CHAT)
        return await self.asked(before + 1)

    async def asked(self, count: int) -> Recorded:
        """The ``count``-th request for an answer."""
        while len(completions(self.model)) < count:
            await self.model.requested(len(self.model.requests) + 1)
        return completions(self.model)[count - 1]

    async def refusal(self) -> str:
        """The next text that alice is sent on the topic of the chat."""
        return (await self.texts.got.get()).text


@asynccontextmanager
async def call(
    livekit: LiveKitServer,
    model: OpenAIServer,
    name: str,
    agent: Agent | None = None,
    typed: bool = True,
    **settings: Any,
) -> AsyncIterator[Call]:
    """A call that has begun; it ends within a minute."""
    talking = talking_to(model)
    llm = await asyncio.to_thread(language_model, talking)
    session = text_session(llm, talking)
    async with asyncio.timeout(60), Publisher(livekit, room=name) as alice, in_room(livekit, name) as room:
        inbox = ImageInbox(session, room, ImageSettings(**settings), typed=typed)
        try:
            await session.start(agent or Anybody(), room=room)
            inbox.open()
            await session.room_io._participant_available_fut
            yield Call(alice, session, inbox, Texts(alice.room), model)
        finally:
            await session.aclose()
            await inbox.close()
            await llm.aclose()
