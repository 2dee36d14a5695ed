"""The demo in a terminal: frames, captions, lag and the turn, drawn anew four times a second."""

from __future__ import annotations

import asyncio
import textwrap
from collections.abc import Callable
from datetime import datetime

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from sightline.cli import records
from sightline.cli.demo.keyboard import Typing, reading_keys
from sightline.cli.demo.story import Story
from sightline.cli.demo.turns import turn_lines
from sightline.cli.output import printable, seconds
from sightline.turns import TurnRecord

REDRAW_SECONDS = 0.25
TURN_ROWS = 12
FEWEST_CAPTIONS = 2
BORDER = 4
"""Columns that a panel takes for itself."""


class LiveView:
    """Draws the story.

    Args:
        story: What there is to show.
        now: The bus's clock.
    """

    def __init__(self, story: Story, now: Callable[[], datetime]) -> None:
        self._story = story
        self._now = now
        self._typing = Typing(lambda _: None)
        self._console = Console()

    def show(self, sight: records.Sight, now: datetime) -> None:
        """Drawn with the next picture."""

    def turn(self, turn: TurnRecord) -> None:
        """Drawn with the next picture."""

    def note(self, text: str) -> None:
        self._story.notes.append(printable(text))

    def on_question(self, ask: Callable[[str], None]) -> None:
        def entered(question: str) -> None:
            self.note(f"asking {question!r}")
            ask(question)

        self._typing = Typing(entered)

    async def run(self) -> None:
        live = Live(console=self._console, auto_refresh=False, vertical_overflow="crop")
        with reading_keys(self._typing), live:
            try:
                while True:
                    live.update(self._draw(), refresh=True)
                    await asyncio.sleep(REDRAW_SECONDS)
            finally:
                live.update(self._draw(), refresh=True)

    def _draw(self) -> RenderableType:
        """A picture that fits the terminal: captions take the rows that the rest leaves."""
        story = self._story
        turn = self._turn()
        below: list[RenderableType] = [Text(note, style="dim", no_wrap=True) for note in story.notes]
        below.append(Text(f"ask> {self._typing.line}_", no_wrap=True))
        below.append(Text("type a question and press Enter; ^C ends", style="dim", no_wrap=True))
        frames = self._frames()
        title = f"{story.frames} frames, {story.images} images"
        panels = [Panel(frames, title=title, title_align="left", subtitle=self._lag(), subtitle_align="left")]
        taken = len(below) + frames.row_count + 3 + (len(turn) + 2 if turn else 0)
        captions = self._captions(max(FEWEST_CAPTIONS, self._console.height - taken - 2))
        panels.append(Panel(captions, title=f"{story.captions} captions", title_align="left"))
        if turn:
            text = Text("\n".join(turn), no_wrap=True)
            panels.append(Panel(text, title="what the agent was sent", title_align="left"))
        return Group(*panels, *below)

    def _frames(self) -> Table:
        table = Table(box=None, pad_edge=False, header_style="bold")
        for heading in ("whose", "newest frame", "why", "age"):
            table.add_column(heading, no_wrap=True)
        now = self._now()
        for frame in self._story.newest_frames.values():
            since = frame.unchanged_since
            why = f"{frame.trigger.value}, same as #{since}" if since else frame.trigger.value
            size = f"#{frame.sequence}, {frame.width}x{frame.height}"
            table.add_row(Text(records.who(frame.track)), size, why, seconds(records.age(frame, now)))
        return table

    def _lag(self) -> Text:
        lags = (
            f"{stage} {lag.waiting} waiting, {lag.in_progress} busy" for stage, lag in self._story.lag.items()
        )
        return Text("lag: " + ("; ".join(lags) or "not known yet"), style="cyan")

    def _captions(self, rows: int) -> RenderableType:
        table = Table(box=None, pad_edge=False, show_header=False)
        table.add_column(justify="right", no_wrap=True)
        table.add_column(no_wrap=True, style="cyan")
        table.add_column(no_wrap=True, overflow="ellipsis")
        now = self._now()
        for caption in list(self._story.newest_captions)[-rows:]:
            if caption.frame is not None:
                old = seconds(records.age(caption.frame, now))
                text = Text(printable(caption.text))
                table.add_row(f"{old} ago", Text(printable(caption.model or caption.stage)), text)
        return table

    def _turn(self) -> list[str]:
        """The turn in lines that fit; without the system prompt, which is the same each time."""
        if self._story.turn is None:
            return []
        lines = turn_lines(self._story.turn, system=False)
        width = max(20, self._console.width - BORDER)
        fitting = [part for line in lines for part in textwrap.wrap(line, width, subsequent_indent=" " * 9)]
        return fitting[:TURN_ROWS]
