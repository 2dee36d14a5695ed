"""The frames that were asked for as somebody began to speak, or typed, until what they show is known."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from sightline.messages import FrameInfo

GIVEN_UP = 5.0
"""Seconds after which nobody waits for what a frame shows any more."""

NEW = 1.0
"""Seconds."""


@dataclass(slots=True)
class _Capture:
    asked_at: datetime
    frames: tuple[FrameInfo, ...] | None = None


class Captures:
    """The newest capture of each participant."""

    def __init__(self) -> None:
        self._newest: dict[str, _Capture] = {}

    def ask(self, participant: str, now: datetime) -> None:
        """A frame is asked for."""
        self._newest[participant] = _Capture(now)

    def answer(self, participant: str, frames: Iterable[FrameInfo]) -> None:
        """These frames were taken; none, where nobody answers."""
        capture = self._newest.get(participant)
        if capture is not None:
            capture.frames = tuple(frames)

    def is_new(self, participant: str, now: datetime) -> bool:
        """Whether the newest capture was asked for just now: another one would show the same."""
        capture = self._newest.get(participant)
        return capture is not None and (now - capture.asked_at).total_seconds() <= NEW

    def taken(self, participant: str) -> bool:
        """Whether the newest capture has frames."""
        capture = self._newest.get(participant)
        return capture is not None and bool(capture.frames)

    def in_flight(self, participant: str, now: datetime, is_known: Callable[[FrameInfo], bool]) -> bool:
        """Whether it will be known in a moment what such a frame shows."""
        capture = self._newest.get(participant)
        if capture is None or (now - capture.asked_at).total_seconds() > GIVEN_UP:
            return False
        return capture.frames is None or not all(map(is_known, capture.frames))
