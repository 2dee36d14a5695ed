"""A realtime model's side of a session: who talks with it, and how what it holds is changed.

LiveKit sends a realtime model the difference between what it holds and what it should hold. Whoever
works that out from an older copy removes what somebody else has just added, the user's words included;
so everything here is done under the lock that LiveKit's own changes are made under.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence
from typing import Any, Protocol

from livekit import rtc
from livekit.agents import Agent, AgentSession
from livekit.agents.llm import ChatContext, ChatMessage, RealtimeSession

from sightline_agent.eyes import Eyes

Speaks = Callable[[AgentSession[Any]], bool]
"""Whether the user of a session speaks."""


class Sees(Protocol):
    """Whatever has eyes: a VisionAgent, or what ``attach_vision`` returns."""

    @property
    def eyes(self) -> Eyes | None:
        """None while it does not see."""


class CurrentAgent:
    """The eyes of whichever agent runs in a session, where it is a VisionAgent."""

    def __init__(self, session: AgentSession[Any]) -> None:
        self._session = session

    @property
    def eyes(self) -> Eyes | None:
        try:
            eyes = getattr(self._session.current_agent, "eyes", None)
        except RuntimeError:
            return None  # it has not started
        return eyes if isinstance(eyes, Eyes) else None


class UserSpeaks:
    """Whether the user of a session speaks: as the session knows it, or as LiveKit's server hears it.

    With manual turns nothing detects voices, and the session knows of none.
    """

    def __init__(self) -> None:
        self._room: rtc.Room | None = None
        self._speakers: frozenset[str] = frozenset()

    def __call__(self, session: AgentSession[Any]) -> bool:
        user = linked_participant(session)
        if user is not None:
            self._listen(session.room_io.room)
        return session.user_state == "speaking" or (user is not None and user.identity in self._speakers)

    def _listen(self, room: rtc.Room) -> None:
        if room is not self._room:
            if self._room is not None:
                self._room.off("active_speakers_changed", self._on_speakers)
            self._room, self._speakers = room, frozenset()
            room.on("active_speakers_changed", self._on_speakers)

    def _on_speakers(self, speakers: Sequence[rtc.Participant]) -> None:
        self._speakers = frozenset(each.identity for each in speakers)


def linked_participant(session: AgentSession[Any]) -> rtc.RemoteParticipant | None:
    """Whom the session talks with; None without a room, or while nobody is there."""
    try:
        return session.room_io.linked_participant
    except RuntimeError:
        return None


def realtime_model(session: AgentSession[Any]) -> RealtimeSession[Any] | None:
    """The realtime model's side of a session; None for other models, and while no agent runs."""
    try:
        return session.current_agent.realtime_llm_session
    except RuntimeError:
        return None


async def change(
    session: AgentSession[Any], add: ChatMessage | None = None, remove: Collection[str] = ()
) -> None:
    """Add a message to what the model holds, and take others out. No reply is asked for.

    Args:
        remove: Ids of messages; unknown ones are no error.

    Raises:
        RealtimeError: The model did not confirm it in time.
        RuntimeError: No agent runs, or its model is no realtime model.
    """
    agent = session.current_agent
    async with _lock(agent):
        model = agent.realtime_llm_session
        wanted = model.chat_ctx.copy()
        _change(wanted, add, remove)
        await model.update_chat_ctx(wanted)
        # The agent's own copy, too: LiveKit takes from the model what is not in it.
        _change(agent._chat_ctx, add, remove)


def _change(chat_ctx: ChatContext, add: ChatMessage | None, remove: Collection[str]) -> None:
    chat_ctx.items[:] = [item for item in chat_ctx.items if item.id not in remove]
    if add is not None and chat_ctx.get_by_id(add.id) is None:
        chat_ctx.items.append(add)


def _lock(agent: Agent) -> asyncio.Lock:
    return agent._get_activity_or_raise()._rt_chat_ctx_lock
