"""When a fresh frame is asked for of whoever the agent talks with, and how long a turn waits for it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Literal

from livekit.agents import AgentSession, SpeechCreatedEvent, UserStateChangedEvent

from sightline_agent.conversation import Turn
from sightline_agent.eyes import Eyes
from sightline_agent.settings import AgentSettings

Wait = tuple[Literal["none", "came", "late"], float]
NO_WAIT: Wait = ("none", 0.0)


class Attention:
    """Looks as the user begins to speak, and as a turn begins that they typed.

    Args:
        eyes: What it asks with.
        speaker: The identity of whoever the agent talks with; empty is nobody who could be asked.
        typed: Whether typed turns ask, too; not where somebody else has seen to it.
    """

    def __init__(
        self,
        session: AgentSession[Any],
        eyes: Eyes,
        settings: AgentSettings,
        speaker: Callable[[], str],
        typed: bool = True,
    ) -> None:
        self._session = session
        self._eyes = eyes
        self._settings = settings
        self._speaker = speaker
        self._asks_typed = typed
        self._is_typed = False

    def open(self) -> None:
        self._session.on("user_state_changed", self._on_user_state)
        self._session.on("speech_created", self._on_reply)

    def close(self) -> None:
        self._session.off("user_state_changed", self._on_user_state)
        self._session.off("speech_created", self._on_reply)

    async def wait(self, turn: Turn) -> Wait:
        """Give the frame that was asked for a moment: its caption, its image, or both, as the turn is shown.

        Returns:
            What came of it, and the seconds that it took: ``caption_wait``, at most.
        """
        speaker = self._speaker()
        if not speaker or turn.begun_by != "user" or turn.mode == "off":
            return NO_WAIT
        # A message in the room's chat counts as speaking as it arrives, and was asked for then.
        if self._is_typed and self._asks_typed and not self._eyes.just_looked(speaker):
            self._ask(speaker, "the user typed")
        images, captions = turn.mode in ("images", "both"), turn.mode != "images"

        def awaited() -> bool:
            return self._eyes.awaits(speaker, captions, images)

        if self._settings.caption_wait <= 0 or not awaited():
            return NO_WAIT
        began = time.perf_counter()
        settled = await self._eyes.until(lambda: not awaited(), self._settings.caption_wait)
        waited = time.perf_counter() - began
        if not settled:
            return "late", waited
        return "came" if self._eyes.captured(speaker) else "none", waited

    def _on_user_state(self, event: UserStateChangedEvent) -> None:
        """As soon as the user speaks: look now, so that the caption is there when the turn ends."""
        speaker = self._speaker()
        if not speaker:
            return
        speaking = event.new_state == "speaking"
        self._eyes.say(speaker, speaking)
        if speaking:
            self._ask(speaker, "the user began to speak")

    def _on_reply(self, event: SpeechCreatedEvent) -> None:
        # Told right before the model is asked. For a spoken turn the frame was asked for long ago.
        if event.source == "generate_reply":
            self._is_typed = event.speech_handle.input_details.modality == "text"

    def _ask(self, speaker: str, reason: str) -> None:
        if self._settings.capture_on_speech:
            self._eyes.look([speaker], reason)
