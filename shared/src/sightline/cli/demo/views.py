"""How a demo is shown: JSON lines for scripts, plain lines for files, a live view for a terminal."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable
from datetime import datetime
from typing import Protocol

from sightline.cli import records
from sightline.cli.demo.story import Story
from sightline.cli.demo.turns import turn_lines, turn_record
from sightline.cli.output import complain, emit, printable, say
from sightline.turns import TurnRecord


class View(Protocol):
    """What a demo tells whoever watches it."""

    def show(self, sight: records.Sight, now: datetime) -> None:
        """A frame, caption or image that is news."""

    def turn(self, turn: TurnRecord) -> None:
        """A turn of the agent."""

    def note(self, text: str) -> None:
        """What happens with the demo itself."""

    def on_question(self, ask: Callable[[str], None]) -> None:
        """Call ``ask`` with each question that somebody types."""

    async def run(self) -> None:
        """Draw, until cancelled."""


class JsonLines:
    """One JSON object a line; notes go to stderr."""

    def show(self, sight: records.Sight, now: datetime) -> None:
        emit(records.record(sight, now))

    def turn(self, turn: TurnRecord) -> None:
        emit(turn_record(turn))

    def note(self, text: str) -> None:
        complain(printable(text))

    def on_question(self, ask: Callable[[str], None]) -> None:
        """Nobody types."""

    async def run(self) -> None:
        await asyncio.Event().wait()


class PlainLines:
    """One line of text for each thing."""

    def __init__(self) -> None:
        self._started = time.monotonic()

    def show(self, sight: records.Sight, now: datetime) -> None:
        self._say(records.line(sight, now))

    def turn(self, turn: TurnRecord) -> None:
        for line in turn_lines(turn):
            self._say(line)

    def note(self, text: str) -> None:
        self._say(f"note     {printable(text)}")

    def on_question(self, ask: Callable[[str], None]) -> None:
        """Nobody types."""

    async def run(self) -> None:
        await asyncio.Event().wait()

    def _say(self, line: str) -> None:
        say(f"{time.monotonic() - self._started:6.1f} s  {line}")


def view_for(as_json: bool, story: Story, now: Callable[[], datetime]) -> View:
    """The view that fits: what was asked for, and whether stdout is a terminal.

    Args:
        now: The bus's clock, for the ages of a live view.
    """
    if as_json:
        return JsonLines()
    if sys.stdout.isatty():
        from sightline.cli.demo.live import LiveView

        return LiveView(story, now)
    return PlainLines()
