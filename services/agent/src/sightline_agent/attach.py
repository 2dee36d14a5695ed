"""Eyes for a session whose agents' classes cannot change: ``attach_vision(session, room)``.

Every agent of the session, also one that it is handed over to later, has its ``llm_node`` wrapped, on
the instance and until the session closes. livekit-agents reads that attribute anew for each reply, so
what the class itself does there, the reply it yields and the tools it is given stay as they are: it
is only given the conversation with what is in view in it.
"""

from __future__ import annotations

import functools
import inspect
import weakref
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable
from typing import Any

from livekit import rtc
from livekit.agents import Agent, AgentSession, ConversationItemAddedEvent, ModelSettings
from livekit.agents.llm import AgentHandoff, ChatContext, Tool

from sightline.bus import Bus
from sightline.config import load
from sightline.messages import TurnRecord
from sightline_agent.settings import AgentSettings
from sightline_agent.sight import Chunk, Sight
from sightline_agent.vision_agent import VisionAgent

Node = Callable[[ChatContext, list[Tool], ModelSettings], Any]

NODE = "llm_node"


def attach_vision(
    session: AgentSession[Any],
    room: rtc.Room | str = "",
    *,
    vision: AgentSettings | None = None,
    bus: Bus | None = None,
    on_turn: Callable[[TurnRecord], None] | None = None,
) -> Sight:
    """Let whatever agent runs in this session see, as a ``VisionAgent`` does::

        attach_vision(session, ctx.room)
        await session.start(agent, room=ctx.room)

    It may be called before the session starts, or later. Nothing is to be closed: the session's end is
    the end of it. A ``VisionAgent`` in such a session sees by itself, once.

    Args:
        session: The session.
        room: The room to see, or its name; by default the one that the session is in.
        vision: How it sees; read from ``AGENT_*`` by default.
        bus: A started bus that the caller closes; by default one of its own, from ``NATS_*``.
        on_turn: Called with the record of each turn, which is also published.

    Returns:
        What it sees with; ``sight.eyes`` is None until an agent has entered the room.

    Raises:
        ValueError: The session has eyes already.
    """
    if session in _ATTACHED:
        raise ValueError("attach_vision: expected a session without eyes, got one that was attached before")
    sight = Sight(vision or load(AgentSettings), bus, room, on_turn)
    _ATTACHED.add(session)
    _Attachment(session, sight)
    return sight


class _Attachment:
    """Follows a session from agent to agent."""

    def __init__(self, session: AgentSession[Any], sight: Sight) -> None:
        self._session = session
        self._sight = sight
        self._wrapped: list[tuple[Agent, Node, Node | None]] = []
        session.on("conversation_item_added", self._on_item)
        session.on("close", self._on_close)
        try:
            running = session.current_agent
        except RuntimeError:
            return  # it has not started: its first agent comes as a handover, too
        self._see_for(running)

    def _on_item(self, event: ConversationItemAddedEvent) -> None:
        # Told as an agent takes over, before it can say anything: the first, the next, one that resumes.
        if isinstance(event.item, AgentHandoff):
            self._see_for(self._session.current_agent)

    def _on_close(self, _: object) -> None:
        """Leave the agents as they were; a session that is started again is followed again."""
        wrapped, self._wrapped = self._wrapped, []
        for agent, ours, before in wrapped:
            if agent.__dict__.get(NODE) is not ours:
                continue  # somebody else has wrapped it since, and calls ours
            del agent.__dict__[NODE]
            if before is not None:
                agent.__dict__[NODE] = before

    def _see_for(self, agent: Agent) -> None:
        if isinstance(agent, VisionAgent) or any(agent is each for each, *_ in self._wrapped):
            return
        ours = _seeing(agent, agent.llm_node, self._sight)
        self._wrapped.append((agent, ours, agent.__dict__.get(NODE)))
        agent.__dict__[NODE] = ours
        self._sight.open(self._session)


_ATTACHED: weakref.WeakSet[AgentSession[Any]] = weakref.WeakSet()
"""The sessions that see."""


def _seeing(agent: Agent, node: Node, sight: Sight) -> Node:
    """The agent's node, given what is in view, and called the way it was: awaited if it had to be."""

    @functools.wraps(node)
    def stream(chat_ctx: ChatContext, tools: list[Tool], settings: ModelSettings) -> AsyncIterator[Chunk]:
        return _turn(agent, lambda sent: node(sent, tools, settings), sight, chat_ctx)

    @functools.wraps(node)
    async def awaited(
        chat_ctx: ChatContext, tools: list[Tool], settings: ModelSettings
    ) -> AsyncIterator[Chunk]:
        return stream(chat_ctx, tools, settings)

    return awaited if inspect.iscoroutinefunction(node) else stream


async def _turn(
    agent: Agent, ask: Callable[[ChatContext], Any], sight: Sight, chat_ctx: ChatContext
) -> AsyncGenerator[Chunk, None]:
    sent, clock = await sight.see(chat_ctx, agent)
    given = {item.id for item in sent.items}
    with sight.telling(clock, sent):
        try:
            async for chunk in _chunks(ask(sent)):
                clock.take(chunk)
                yield chunk
        finally:
            _keep_edits(chat_ctx, sent, given)


async def _chunks(answer: Any) -> AsyncGenerator[Chunk, None]:
    """Whatever a node may return: a stream, one piece, nothing, or one of these to be awaited."""
    if inspect.isawaitable(answer):
        answer = await answer
    if not isinstance(answer, AsyncIterable):
        if answer is not None:
            yield answer
        return
    try:
        async for chunk in answer:
            yield chunk
    finally:
        close = getattr(answer, "aclose", None)
        if close is not None:
            await close()


def _keep_edits(chat_ctx: ChatContext, sent: ChatContext, given: set[str]) -> None:
    """What a node adds to the conversation, or leaves out of it, still holds when its tools have answered."""
    kept = {item.id for item in sent.items}
    chat_ctx.items[:] = [item for item in chat_ctx.items if item.id in kept or item.id not in given]
    chat_ctx.insert([item for item in sent.items if item.id not in given])
