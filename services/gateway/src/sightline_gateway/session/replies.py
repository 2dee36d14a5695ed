"""What the agent says, as messages to the client while the model writes it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from livekit.agents import (
    AgentSession,
    APIConnectionError,
    APIStatusError,
    APITimeoutError,
    SpeechCreatedEvent,
)
from livekit.agents.voice import SpeechHandle
from livekit.agents.voice.io import TextOutput

from sightline.log import get_logger
from sightline_gateway.protocol import Error, Text, TextDelta

log = get_logger()


@dataclass(slots=True)
class Reply:
    """One reply, as far as it was written.

    Attributes:
        id: The same for all of its messages.
        parts: Its pieces.
        at_break: What comes next begins a new paragraph: a tool was called in between.
    """

    id: str
    parts: list[str] = field(default_factory=list)
    at_break: bool = False

    @property
    def text(self) -> str:
        return "".join(self.parts).strip()


class Replies(TextOutput):
    """All replies of one session: those to turns, and those that the agent begins by itself.

    Each ends with a `text` and what ``on_end`` is told; or with an `error` where the model failed.

    Args:
        emit: Sends a message to the client.
        on_end: Called with the text of a reply that is over, and whether it was interrupted.
    """

    def __init__(self, emit: Callable[[Any], None], on_end: Callable[[str, bool], None]) -> None:
        super().__init__(label="Gateway", next_in_chain=None)
        self._emit, self._on_end = emit, on_end
        self._replies: dict[str, Reply] = {}
        self._session: AgentSession[Any] | None = None

    def attach(self, session: AgentSession[Any]) -> None:
        """Follow a session that has not started."""
        self._session = session
        session.output.transcription = self
        session.on("speech_created", self._begin)

    async def capture_text(self, text: str) -> None:
        """One piece of the reply in progress."""
        speech = self._session.current_speech if self._session is not None else None
        reply = self._replies.get(speech.id) if speech is not None else None
        if reply is None:
            return
        piece = f"\n{text}" if reply.at_break and reply.parts else text
        reply.at_break = False
        reply.parts.append(piece)
        self._emit(TextDelta(id=reply.id, text=piece))

    def flush(self) -> None:
        """A stretch of the reply is over; more may follow a tool."""
        for reply in self._replies.values():
            reply.at_break = bool(reply.parts)

    def of(self, speech: SpeechHandle) -> Reply:
        """A reply that has just begun; it grows."""
        return self._replies[speech.id]

    def _begin(self, event: SpeechCreatedEvent) -> None:
        speech = event.speech_handle
        self._replies[speech.id] = Reply(speech.id)
        speech.add_done_callback(self._end)

    def _end(self, speech: SpeechHandle) -> None:
        reply = self._replies.pop(speech.id)
        error = speech.exception()
        if reply.text:
            self._emit(Text(role="assistant", text=reply.text, id=reply.id, interrupted=speech.interrupted))
        if error is not None and not speech.interrupted:
            log.warning("turn_failed", error=type(error).__name__)
            self._emit(Error(code="turn_failed", message=reason(error)))
        else:
            self._on_end(reply.text, speech.interrupted)


def reason(error: BaseException) -> str:
    """Why there is no reply, for a client: nothing of endpoints, keys or insides."""
    match error:
        case APITimeoutError():
            return "The model did not answer in time. Try again."
        case APIStatusError():
            return f"The model's endpoint refused the request (status {error.status_code})."
        case APIConnectionError():
            return "The model cannot be reached. Try again later."
        case _:
            return "The reply failed. Try again."
