"""The agent of one session, at work: an agent session of LiveKit's that is in no room."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from livekit.agents import NOT_GIVEN

from sightline_agent import VisionAgent
from sightline_agent.lasting import LastingSession
from sightline_agent.models import connect_options
from sightline_gateway.protocol import Error
from sightline_gateway.session.models import Apart, ApartVoice, Models
from sightline_gateway.session.replies import Replies
from sightline_gateway.session.tool_events import ToolEvents
from sightline_gateway.session.turns import Turns
from sightline_gateway.settings import SpeechFormat
from sightline_gateway.speech.speaking import SpokenOutput

CLOSE_SECONDS = 5.0

NEW_TURN = "user_speaking"
"""Why a reply is interrupted by what the user says next, in the VideoAgent's words."""

SILENT = "The reply could not be spoken: the speech model failed. Its text was sent."


class Conversation:
    """From ``start`` to ``aclose``.

    Args:
        agent: Whose turns these are; it sees already whatever it is to see.
        models: What it answers and speaks with.
        speech_format: Of what is spoken.
        emit: Sends a message to the client.
        on_end: Called with the text of each reply that is over, and whether it was interrupted.
        look: Awaited before each turn.
    """

    def __init__(
        self,
        agent: VisionAgent,
        models: Models,
        speech_format: SpeechFormat,
        emit: Callable[[Any], None],
        on_end: Callable[[str, bool], None],
        look: Callable[[], Awaitable[None]],
    ) -> None:
        self._agent, self._emit, self._on_end = agent, emit, on_end
        self._spoken = False
        self._voice = SpokenOutput(emit, speech_format) if models.tts is not None else None
        self._session = LastingSession(
            llm=Apart(models.llm),
            tts=ApartVoice(models.tts) if models.tts is not None else NOT_GIVEN,
            vad=None,
            turn_handling={"turn_detection": None, "interruption": {"resume_false_interruption": False}},
            # A model that is away for a while ends a turn, not the conversation.
            conn_options=replace(connect_options(agent.vision), max_unrecoverable_errors=1_000),
        )
        if self._voice is not None:
            self._voice.on("playback_started", self._heard)
        replies = Replies(emit, self._over)
        replies.attach(self._session)
        ToolEvents(emit).attach(self._session)
        self._turns = Turns(self._session, replies, look)

    async def start(self) -> None:
        """Begin, in text. Returns once the agent can be asked."""
        self._session.output.audio = self._voice
        self.speak(False)
        await self._session.start(self._agent)

    async def say(self, words: str, began: Callable[[], None], skipped: Callable[[], None]) -> str:
        """A turn; see ``Turns.run``."""
        self.interrupt(NEW_TURN)
        return await self._turns.run(words, began, skipped)

    def interrupt(self, reason: str) -> None:
        """End the reply in progress."""
        if self._voice is not None:
            self._voice.reason = reason
        self._turns.interrupt()

    def speak(self, speaks: bool) -> None:
        """Whether replies, from the next one on, are spoken; where there is a voice."""
        if self._voice is not None:
            self._session.output.set_audio_enabled(speaks)

    def _heard(self, _: object) -> None:
        self._spoken = True

    def _over(self, text: str, interrupted: bool) -> None:
        """A reply is over. A voice that failed left the text; whoever listens is told why it is silent."""
        spoken, self._spoken = self._spoken, False
        self._on_end(text, interrupted)
        was_to_speak = self._voice is not None and self._session.output.audio_enabled
        if was_to_speak and text and not spoken and not interrupted:
            self._emit(Error(code="speech_unavailable", message=SILENT))

    async def aclose(self) -> None:
        """End all of it. Bounded; never raises."""
        self._turns.close()
        with contextlib.suppress(Exception):
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._session.aclose()
        if self._voice is not None:
            await self._voice.aclose()
