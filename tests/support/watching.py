"""What tests of watching need: a captioner that tells red from blue, a camera, and an agent that sees."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from livekit.agents import AgentSession, ConversationItemAddedEvent
from livekit.agents.llm import ChatMessage

from sightline.bus import Bus
from sightline.messages import Caption, Frame, Track
from sightline.runner import Runner
from sightline.worker import VisionWorker
from sightline_agent import VisionAgent
from sightline_agent.eyes import Eyes
from sightline_agent.models import language_model
from sightline_agent.turn import text_session
from support.agents import talking_to
from support.frames import BLUE, RED, jpeg, plain
from support.model_servers import OpenAIServer
from support.stage import Source

ALICE = Track(room="demo", participant="alice", id="TR_a")
BOB = Track(room="demo", participant="bob", id="TR_b")
COLOURS = {"red": jpeg(plain(RED, 64, 48)), "blue": jpeg(plain(BLUE, 64, 48))}


class Colours(VisionWorker):
    """Tells red from blue, for those who ask."""

    def __init__(self) -> None:
        self.questions: list[tuple[int, str]] = []
        self._asked = asyncio.Condition()

    async def asked(self, count: int) -> None:
        """Wait until there were so many questions."""
        async with asyncio.timeout(30), self._asked:
            await self._asked.wait_for(lambda: len(self.questions) >= count)

    async def process(self, frame: Frame) -> Caption | None:
        return Caption(text=f"something {self._colour(frame)}", model="colours")

    async def ask(self, frame: Frame, question: str) -> str:
        async with self._asked:
            self.questions.append((frame.sequence, question))
            self._asked.notify_all()
        return "Yes." if self._colour(frame) in question else "No."

    def _colour(self, frame: Frame) -> str:
        red, _, blue = frame.pixels[0, 0]
        return "red" if red > blue else "blue"


@asynccontextmanager
async def captioning(bus: Bus) -> AsyncIterator[Colours]:
    """A captioner that runs."""
    worker, stopping = Colours(), asyncio.Event()
    running = asyncio.create_task(Runner(worker, "captioner", bus).run(stopping, 1.0))
    try:
        yield worker
    finally:
        stopping.set()
        await running


class Camera:
    """What somebody's camera shows, on the bus."""

    def __init__(self, bus: Bus) -> None:
        self._source = Source(bus, "captioner")

    async def shows(self, colour: str, of: Track = ALICE) -> Frame:
        return await self._source.show(of, COLOURS[colour])


class Replies:
    """What the agent of a session says."""

    def __init__(self, session: AgentSession[None]) -> None:
        self.said: asyncio.Queue[str] = asyncio.Queue()
        session.on("conversation_item_added", self._on_item)

    async def next(self) -> str:
        async with asyncio.timeout(30):
            return await self.said.get()

    def _on_item(self, event: ConversationItemAddedEvent) -> None:
        if isinstance(event.item, ChatMessage) and event.item.role == "assistant":
            self.said.put_nowait(event.item.text_content or "")


@asynccontextmanager
async def typed(bus: Bus, model: OpenAIServer, **agent: Any) -> AsyncIterator[AgentSession[None]]:
    """A conversation with a language model, and an agent that sees. ``agent``: more of its arguments."""
    settings = talking_to(model)
    made = VisionAgent(instructions="", vision=settings, bus=bus, room="demo", **agent)
    llm = await asyncio.to_thread(language_model, settings)
    session = text_session(llm, settings)
    await session.start(made)
    try:
        yield session
    finally:
        await session.aclose()
        await llm.aclose()


def sees(session: AgentSession[None]) -> Eyes:
    agent = session.current_agent
    assert isinstance(agent, VisionAgent)
    assert agent.eyes is not None
    return agent.eyes
