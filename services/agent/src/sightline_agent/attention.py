"""When a fresh frame is asked for of whoever the agent talks with, and how long a turn waits for it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Literal

from livekit.agents import AgentSession, SpeechCreatedEvent, UserStateChangedEvent

from sightline_agent.conversation import Turn
from sightline_agent.eyes import Eyes
from sightline_agent.pauses import Ears
from sightline_agent.settings import AgentSettings
from sightline_agent.timing import TurnEnds

Wait = tuple[Literal["none", "came", "late"], float]
NO_WAIT: Wait = ("none", 0.0)


class Attention:
    """Looks as the user begins to speak, pauses and stops, and as a turn begins that they typed.

    The first look is awaited by the turn. The others are there so that the turn is shown what was in view at
    its end, and not what was as it began: between a pause and the end of a turn is often the time that it
    takes to describe it. They cost nothing where nothing changed. Once a turn has told how long that is, one
    of the two is enough.

    Args:
        eyes: What it asks with.
        speaker: The identity of whoever the agent talks with; empty is nobody who could be asked.
        alone: Nobody else asks for frames of the user's camera: typed turns ask, too, and pauses.
    """

    def __init__(
        self,
        session: AgentSession[Any],
        eyes: Eyes,
        settings: AgentSettings,
        speaker: Callable[[], str],
        alone: bool = True,
    ) -> None:
        self._session = session
        self._eyes = eyes
        self._settings = settings
        self._speaker = speaker
        self._is_alone = alone
        self._ears = Ears(session, self._on_pause)
        self._ends = TurnEnds()
        self._is_typed = False

    def open(self) -> None:
        self._session.on("user_state_changed", self._on_user_state)
        self._session.on("speech_created", self._on_reply)
        if self._is_alone and self._settings.capture_on_speech:
            self._ears.open()

    def close(self) -> None:
        self._session.off("user_state_changed", self._on_user_state)
        self._session.off("speech_created", self._on_reply)
        self._ears.close()

    async def wait(self, turn: Turn) -> Wait:
        """Give the frame that was asked for a moment: its caption, its image, or both, as the turn is shown.

        Returns:
            What came of it, and the seconds that it took: ``caption_wait``, at most.
        """
        speaker = self._speaker()
        if not speaker or turn.begun_by != "user" or turn.mode == "off":
            return NO_WAIT
        if not self._is_typed:
            self._ends.turn(time.monotonic())
        # A message in the room's chat counts as speaking as it arrives, and was asked for then.
        if self._is_typed and self._is_alone and not self._eyes.just_looked(speaker):
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
        """As soon as the user speaks: look now, so that the caption is there when the turn ends.

        As soon as they stop: until what they said is understood there is often time for one more.
        """
        speaker = self._speaker()
        if not speaker:
            return
        speaking = event.new_state == "speaking"
        self._eyes.say(speaker, speaking)
        if speaking:
            self._ends.speaks()
            self._ask(speaker, "the user began to speak")
        elif event.old_state == "speaking":
            self._ends.stops(time.monotonic())
            if self._stop_leaves_time() is not False:
                self._ask_again("the user stopped to speak")

    def _on_pause(self) -> None:
        if self._session.user_state == "speaking" and not self._stop_leaves_time():
            self._ask_again("the user paused")

    def _stop_leaves_time(self) -> bool | None:
        """Whether a look as the user stops is described before the turn begins; None: not known yet."""
        return self._ends.leaves(self._eyes.describing(self._speaker()))

    def _on_reply(self, event: SpeechCreatedEvent) -> None:
        # Told right before the model is asked. For a spoken turn the frame was asked for long ago.
        if event.source == "generate_reply":
            self._is_typed = event.speech_handle.input_details.modality == "text"

    def _ask(self, speaker: str, reason: str) -> None:
        if self._settings.capture_on_speech:
            self._eyes.look([speaker], reason)

    def _ask_again(self, reason: str) -> None:
        speaker = self._speaker()
        # Where there is no sound nobody speaks, whatever the user's state is: they type.
        if speaker and self._ears.hear:
            self._eyes.look_again(speaker, reason)
