"""Those who wait for a frame of one track. They share the next one."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from sightline.messages import FrameInfo

NOW_SECONDS = 0.25
"""A picture that was shown this long before it was asked for still is one of now."""


class Captures:
    """Times are seconds on the loop's clock."""

    def __init__(self) -> None:
        self._answer: asyncio.Future[FrameInfo] | None = None
        self._asked_at = 0.0
        self._waiters = 0
        self._afresh = False
        self._last: tuple[FrameInfo, float] | None = None

    @property
    def waiting(self) -> bool:
        """Whether somebody waits for a frame."""
        return self._answer is not None and not self._answer.done()

    def wants(self, shown_at: float) -> bool:
        """Whether a picture shown then is what somebody waits for."""
        return self.waiting and shown_at >= self._asked_at - NOW_SECONDS

    def wants_afresh(self, shown_at: float) -> bool:
        """Whether somebody who waits for such a picture wants it described, whatever it shows."""
        return self._afresh and self.wants(shown_at)

    @contextmanager
    def ask(self, now: float, if_changed: bool = False) -> Iterator[asyncio.Future[FrameInfo]]:
        """Ask for a frame. The answer is that of all who ask meanwhile: shield it when awaiting.

        Args:
            if_changed: As of ``CaptureRequest``.
        """
        if self._last is not None and self._last[1] >= now - NOW_SECONDS:
            answer: asyncio.Future[FrameInfo] = asyncio.get_running_loop().create_future()
            answer.set_result(self._last[0])
            yield answer
            return
        if self._answer is None or self._answer.done():
            self._answer = asyncio.get_running_loop().create_future()
            self._asked_at, self._waiters, self._afresh = now, 0, False
        answer = self._answer
        self._afresh = self._afresh or not if_changed
        self._waiters += 1
        try:
            yield answer
        finally:
            self._waiters -= 1
            if self._waiters == 0 and answer is self._answer:
                answer.cancel()

    def answer(self, frame: FrameInfo, shown_at: float) -> None:
        """The frame that was asked for is published."""
        self._last = frame, shown_at
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(frame)

    def refuse(self, error: Exception) -> None:
        """There will be no frame."""
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(error)
