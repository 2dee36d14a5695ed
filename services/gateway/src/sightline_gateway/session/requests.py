"""When a client is asked for a frame: by time, once a new scene has settled, and when somebody wants one."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

from sightline.changes import Changes
from sightline.messages import Trigger
from sightline.sampling.scene import View

SETTLE_SECONDS = 1.0
"""A frame that shows another scene was often taken while it still moved. So this long after it one more is
asked for, unless one came meanwhile: a person has stepped in, a camera has been turned, by then."""

ANSWER_SECONDS = 5.0
"""A frame that comes this long after a request still is its answer."""


class FrameRequests:
    """Decides when to ask. ``run`` it in a task.

    Args:
        ask: Asks the client for a frame.
        interval: Seconds between requests by time; 0 is none.

    Attributes:
        answers: The client sent a frame when it was last asked for one.
    """

    def __init__(self, ask: Callable[[Trigger], None], interval: float) -> None:
        self._ask, self._interval = ask, interval
        self._loop = asyncio.get_running_loop()
        self._changes = Changes()
        self._active = False
        self._since = 0.0
        self._settles_at: float | None = None
        self._asked_at: float | None = None
        self.answers = False

    def ask(self, reason: Trigger) -> None:
        """Ask now."""
        self._asked_at = self._loop.time()
        self._ask(reason)

    def activate(self, active: bool) -> None:
        """Whether there is a client with video to ask."""
        if active != self._active:
            self._active, self._since, self._settles_at = active, self._loop.time(), None
            self._changes.tell()

    def every(self, interval: float) -> None:
        """Another interval, in seconds; 0 is none."""
        self._interval = interval
        self._changes.tell()

    def came(self, view: View, is_first: bool) -> None:
        """A frame came, so that the next is wanted later.

        Args:
            view: How it compares with the scene before.
            is_first: There was no scene before.
        """
        now = self._loop.time()
        if self._asked_at is not None:
            self.answers = now - self._asked_at <= ANSWER_SECONDS
            self._asked_at = None
        self._since = now
        self._settles_at = now + SETTLE_SECONDS if view is View.NEW and not is_first else None
        self._changes.tell()

    def missed(self) -> None:
        """The client was asked, and sent nothing for as long as somebody waited."""
        self.answers = False

    async def run(self) -> None:
        """Ask when it is time, for ever; cancel to stop."""
        while True:
            version = self._changes.version
            due = min(self._due(), default=None)
            if due is not None and due[0] <= self._loop.time():
                self._since, self._settles_at = self._loop.time(), None
                self.ask(Trigger(due[1]))
                continue
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(due[0] if due is not None else None):
                    await self._changes.after(version)

    def _due(self) -> list[tuple[float, str]]:
        """When the client is to be asked, and why."""
        if not self._active:
            return []
        due = [(self._since + self._interval, Trigger.TIMER.value)] if self._interval else []
        if self._settles_at is not None:
            due.append((self._settles_at, Trigger.SCENE_CHANGE.value))
        return due
