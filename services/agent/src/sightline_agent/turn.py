"""One agent, without audio: the same VisionAgent in a real AgentSession, asked in text."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import replace
from types import TracebackType
from typing import Self

from livekit.agents import AgentSession

from sightline.bus import Bus
from sightline.messages import TurnRecord
from sightline_agent.lasting import LastingSession
from sightline_agent.models import LanguageModel, connect_options, language_model
from sightline_agent.settings import AgentSettings
from sightline_agent.tools import configured_tools
from sightline_agent.vision_agent import VisionAgent

FIRST_SIGHT = 10.0
"""Seconds that a first question waits for something to be in view."""


class TextSession:
    """A conversation in text with a VisionAgent about one room::

        async with TextSession(bus, "demo", settings) as session:
            record = await session.ask("What do you see?")

    Args:
        bus: Started; the caller closes it.
        room: Whose cameras and screens it sees.
    """

    def __init__(self, bus: Bus, room: str, settings: AgentSettings) -> None:
        self._room, self._settings = room, settings
        self._records: list[TurnRecord] = []
        self.agent = VisionAgent(
            instructions=settings.instructions,
            vision=settings,
            bus=bus,
            room=room,
            on_turn=self._records.append,
            tools=configured_tools(),
        )

    async def __aenter__(self) -> Self:
        # Its client reads certificates, and modules, from the disk.
        self._model = await asyncio.to_thread(language_model, self._settings)
        self._session = text_session(self._model, self._settings)
        await self._session.start(self.agent)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.aclose()
        await self._model.aclose()

    async def see(self, timeout: float = FIRST_SIGHT) -> bool:
        """Wait until there is a caption of what is in view, ``timeout`` seconds at most."""
        eyes = self.agent.eyes
        if eyes is None:
            return False
        return await eyes.until(lambda: bool(eyes.context.describe(eyes.now())), timeout)

    async def look(self) -> None:
        """Ask for fresh frames of everybody in view, and wait a moment for their captions."""
        eyes = self.agent.eyes
        if eyes is not None and self._settings.look_seconds:
            await eyes.freshen(self._settings.look_seconds)

    async def ask(self, question: str) -> TurnRecord:
        """One turn. A model that fails is in the record's ``error``, it does not raise."""
        before = len(self._records)
        with contextlib.suppress(Exception):
            await self._session.run(user_input=question)
        if len(self._records) == before:
            return TurnRecord(room=self._room, question=question, error="the session was closed")
        return self._records[-1]


def text_session(model: LanguageModel, settings: AgentSettings) -> AgentSession[None]:
    """A session that neither hears nor speaks."""
    return LastingSession(
        llm=model,
        vad=None,
        turn_handling={"turn_detection": None},
        # A model that is away for a while ends a turn, not the conversation.
        conn_options=replace(connect_options(settings), max_unrecoverable_errors=1_000),
    )


async def ask_once(
    bus: Bus, room: str, question: str, settings: AgentSettings, wait: float = FIRST_SIGHT
) -> TurnRecord:
    """One turn about a room, answered by a VisionAgent: what it was shown, sent, and what it said.

    Args:
        bus: Started; the caller closes it.
        wait: Seconds to wait for something to be in view; the turn then goes on without.

    Returns:
        The record. ``shown`` is empty where nothing was in view; ``error`` tells of a model that failed.
    """
    async with TextSession(bus, room, settings) as session:
        if await session.see(wait):
            await session.look()
        return await session.ask(question)
