"""The demo in a terminal: frames, captions, lag and the turn, drawn anew four times a second."""

from __future__ import annotations

import asyncio
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
        live = Live(console=Console(), auto_refresh=False, vertical_overflow="crop")
        with reading_keys(self._typing), live:
            try:
                while True:
                    live.update(self._draw(), refresh=True)
                    await asyncio.sleep(REDRAW_SECONDS)
            finally:
                live.update(self._draw(), refresh=True)

    def _draw(self) -> RenderableType:
        story = self._story
        parts: list[RenderableType] = [
            Panel(self._frames(), title=f"{story.frames} frames, {story.images} images", title_align="left"),
            Panel(self._captions(), title=f"{story.captions} captions", title_align="left"),
        ]
        if story.turn is not None:
            parts.append(
                Panel(
                    Text("\n".join(turn_lines(story.turn))),
                    title="what the agent was sent",
                    title_align="left",
                )
            )
        parts.append(Text("\n".join(story.notes), style="dim"))
        parts.append(Text(f"ask> {self._typing.line}_"))
        parts.append(Text("type a question and press Enter; ^C ends", style="dim"))
        return Group(*parts)

    def _frames(self) -> RenderableType:
        table = Table(box=None, pad_edge=False, header_style="bold")
        for heading in ("whose", "newest frame", "why", "age"):
            table.add_column(heading)
        now = self._now()
        for frame in self._story.newest_frames.values():
            since = frame.unchanged_since
            why = f"{frame.trigger.value}, same as #{since}" if since else frame.trigger.value
            size = f"#{frame.sequence}, {frame.width}x{frame.height}"
            table.add_row(Text(records.who(frame.track)), size, why, seconds(records.age(frame, now)))
        lag = [
            f"{stage}: {lag.waiting} waiting, {lag.in_progress} in progress"
            for stage, lag in self._story.lag.items()
        ]
        return Group(table, Text("lag  " + ("; ".join(lag) or "not known yet"), style="cyan"))

    def _captions(self) -> RenderableType:
        table = Table(box=None, pad_edge=False, show_header=False)
        table.add_column(justify="right", no_wrap=True)
        table.add_column(no_wrap=True, style="cyan")
        table.add_column(overflow="ellipsis")
        now = self._now()
        for caption in self._story.newest_captions:
            if caption.frame is not None:
                old = seconds(records.age(caption.frame, now))
                text = Text(printable(caption.text))
                table.add_row(f"{old} ago", Text(printable(caption.model or caption.stage)), text)
        return table
