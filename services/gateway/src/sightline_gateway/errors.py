"""What a client is told went wrong with what it sent."""

from __future__ import annotations

from sightline.errors import SightlineError
from sightline_gateway.protocol import ErrorCode


class ClosedError(SightlineError):
    """The session is closed."""


class AudioError(SightlineError):
    """A recording cannot be taken, or speech cannot be made.

    Attributes:
        code: As the client is told it in ``error``: ``audio_invalid``, ``audio_too_large``,
            ``speech_unavailable`` (no model is configured), ``turn_failed`` (the model failed).
    """

    def __init__(self, code: ErrorCode, message: str) -> None:
        super().__init__(message)
        self.code = code
