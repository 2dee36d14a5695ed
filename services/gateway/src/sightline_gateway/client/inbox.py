"""What a client got from the gateway, and who waits for what of it."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from sightline.errors import SightlineError
from sightline_gateway.protocol import (
    Error,
    FrameReceived,
    ResponseComplete,
    ServerMessage,
    SessionInit,
    Text,
    TranscriptionResult,
)

T = TypeVar("T")

REMEMBERED = 1_000
"""Messages that are kept."""


class RefusedError(SightlineError):
    """The gateway said ``error``.

    Attributes:
        code: As in ``protocol.Error``.
    """

    def __init__(self, error: Error) -> None:
        super().__init__(f"{error.code}: {error.message}")
        self.code = error.code


class ClosedError(SightlineError):
    """The connection is closed.

    Attributes:
        code: Of the WebSocket's close frame; 1006 where there was none.
    """

    def __init__(self, code: int, reason: str = "") -> None:
        super().__init__(f"the gateway closed the connection ({code}){': ' if reason else ''}{reason}")
        self.code = code


@dataclass(frozen=True, slots=True)
class Reply:
    """What the agent answered.

    Attributes:
        heard: What was understood of a recording; empty for text.
        frames: In the frame context of the session, as the reply was complete.
    """

    text: str
    interrupted: bool = False
    heard: str = ""
    frames: int = 0


class Inbox:
    """Messages as they come.

    Attributes:
        messages: The newest of them, oldest first.
        closed: How the connection ended; None while it lasts.
    """

    def __init__(self) -> None:
        self.messages: deque[ServerMessage] = deque(maxlen=REMEMBERED)
        self.closed: ClosedError | None = None
        self._waiting: list[Callable[[ServerMessage | ClosedError], bool]] = []

    def expect(self, pick: Callable[[ServerMessage], T | None]) -> asyncio.Future[T]:
        """What ``pick`` makes of the first message to come of which it makes anything.

        Args:
            pick: None passes a message by; a SightlineError that it raises is the outcome.
        """
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()

        def take(message: ServerMessage | ClosedError) -> bool:
            if future.done():
                return True
            try:
                if isinstance(message, ClosedError):
                    raise message
                if (found := pick(message)) is not None:
                    future.set_result(found)
            except SightlineError as error:
                future.set_exception(error)
                future.exception()  # whoever waited may have given up: no warning about that
            return future.done()

        if self.closed is None or not take(self.closed):
            self._waiting.append(take)
        return future

    def take(self, message: ServerMessage) -> None:
        """A message came."""
        self.messages.append(message)
        self._waiting = [take for take in self._waiting if not take(message)]

    def end(self, closed: ClosedError) -> None:
        """No more will come; whoever waits is told. Calling it again does nothing."""
        self.closed = self.closed or closed
        waiting, self._waiting = self._waiting, []
        for take in waiting:
            take(self.closed)


class TurnReply:
    """Finds the reply to one turn: the first that is complete after the user's words became a turn."""

    def __init__(self) -> None:
        self._begun = False
        self._heard = ""

    def pick(self, message: ServerMessage) -> Reply | None:
        if isinstance(message, Error) and message.sequence is None:
            raise RefusedError(message)
        if isinstance(message, TranscriptionResult):
            self._heard = message.text
        elif isinstance(message, Text) and message.role == "user":
            self._begun = True
        elif isinstance(message, ResponseComplete) and self._begun:
            frames = message.frame_context.frame_count if message.frame_context else 0
            return Reply(message.text, message.interrupted, self._heard, frames)
        return None


def session_of(message: ServerMessage) -> SessionInit | None:
    if isinstance(message, Error):
        raise RefusedError(message)
    return message if isinstance(message, SessionInit) else None


def taken_frame(message: ServerMessage, sequence: int) -> FrameReceived | None:
    if isinstance(message, Error) and message.sequence == sequence:
        raise RefusedError(message)
    if isinstance(message, FrameReceived) and message.sequence == sequence:
        return message
    if isinstance(message, FrameReceived) and message.sequence > sequence:
        # They are taken in order, and who sends too many is not told of each.
        text = f"frame {sequence} was passed over for a newer one"
        raise RefusedError(Error(code="busy", message=text, sequence=sequence))
    return None
