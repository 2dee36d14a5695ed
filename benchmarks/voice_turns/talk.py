"""One conversation in an agent's process: it is driven, or listens, and tells when what happened."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any

from livekit.agents import AgentSession, UserStateChangedEvent
from livekit.agents.voice.audio_recognition import _EndOfTurnInfo, _EndOfTurnMetrics

from sightline_agent import VisionAgent
from voice_turns.clock import Ticker

HOOK = "on_user_turn_completed"
"""Where the recipes show the model what is in view."""

SENTENCE = "What am I holding right now?"
"""1.5 s, as espeak-ng says it."""

UNDERSTOOD_SECONDS = 0.2
"""From when LiveKit knows that the user stopped to speak until it knows what they said, in driven turns."""


class Talk:
    """Notes the turns of one session, and tells each as a line of JSON.

    Times are of the monotonic clock, which all processes of a machine share: when the user began to speak,
    when LiveKit found that their turn was over, and when the HTTP request to the language model began, its
    body made.
    """

    def __init__(self, room: str, session: AgentSession[Any], ticker: Ticker, told: Told) -> None:
        self.room, self.session = room, session
        self._ticker, self._told = ticker, told
        self._began = self._ended = self._seen = self._seeing = 0.0
        self._notes: set[asyncio.Task[None]] = set()

    def open(self) -> None:
        self.session.on("user_state_changed", self._on_user_state)
        activity = self.session._activity
        assert activity is not None
        self._activity: Any = activity
        self._end_turn: Callable[[_EndOfTurnInfo], bool] = activity.on_end_of_turn
        self._activity.on_end_of_turn = self._on_end_of_turn
        self._time_seeing()
        client: Any = self.session.llm
        client._client._client.event_hooks["request"].append(self._on_request)

    async def drive(self, turns: int, speech: float, offset: float) -> None:
        """Turns as LiveKit's recognition reports them, of somebody who speaks for ``speech`` seconds."""
        await asyncio.sleep(offset)
        for number in range(turns):
            self.session._update_user_state("speaking", last_speaking_time=time.time())
            await asyncio.sleep(speech)
            self.session._update_user_state("listening", last_speaking_time=time.time())
            await asyncio.sleep(UNDERSTOOD_SECONDS)
            metrics = _EndOfTurnMetrics(None, None, None, None)
            words = f"{SENTENCE} ({number})"
            answered = asyncio.Event()
            self.session.once("conversation_item_added", lambda _, done=answered: done.set())
            self._activity.on_end_of_turn(
                _EndOfTurnInfo(False, words, transcript_confidence=1.0, metrics=metrics)
            )
            await answered.wait()
            while self.session.current_speech is not None:
                await self.session.current_speech

    def _time_seeing(self) -> None:
        """Time what an agent does on the way to its model so that the model knows what is in view."""
        agent: Any = self.session.current_agent
        owner, name = (agent.sight, "see") if isinstance(agent, VisionAgent) else (agent, HOOK)
        inner = getattr(owner, name)

        async def timed(*arguments: Any, **named: Any) -> Any:
            began = time.monotonic()
            try:
                return await inner(*arguments, **named)
            finally:
                self._seen = time.monotonic()
                self._seeing = self._seen - began

        setattr(owner, name, timed)

    def _on_user_state(self, event: UserStateChangedEvent) -> None:
        if event.new_state == "speaking":
            self._began = time.monotonic()

    def _on_end_of_turn(self, info: _EndOfTurnInfo) -> bool:
        self._ended = time.monotonic()
        return self._end_turn(info)

    async def _on_request(self, request: Any) -> None:
        if request.url.path.endswith("/chat/completions"):
            captioning = (self._began, max(self._ended, self._seen))
            note = asyncio.create_task(self._note(self._ended, time.monotonic(), self._seeing, captioning))
            self._notes.add(note)
            note.add_done_callback(self._notes.discard)

    async def _note(
        self, ended: float, requested: float, seeing: float, captioning: tuple[float, float]
    ) -> None:
        await self._ticker.ticked_after(requested)
        self._told.line(
            room=self.room,
            began=captioning[0],
            ended=ended,
            requested=requested,
            seeing=seeing,
            stall=self._ticker.longest(*captioning),
        )


class Told:
    """Lines of JSON for whoever started this process; what else is printed goes to stderr from now on."""

    def __init__(self) -> None:
        self._lines = os.fdopen(os.dup(sys.stdout.fileno()), "w", buffering=1)
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())

    def line(self, **told: Any) -> None:
        self._lines.write(json.dumps(told) + "\n")
