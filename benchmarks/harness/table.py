"""Rows as a table: for a terminal, and for a page."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from harness.figures import Figure, Row, Spread

HEAD = ("#", "measured", "Sightline", "compared with", "", "times better", "aim", "")
NOTES = 110
"""Columns."""

MET = {True: "met", False: "MISSED", None: ""}


def number(value: float) -> str:
    """Three digits that tell something; thousands apart, never as a power of ten."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    if value == 0:
        return "0"
    digits = 2
    size = abs(value)
    while size >= 10:
        size, digits = size / 10, digits - 1
    while size < 1 and digits < 6:
        size, digits = size * 10, digits + 1
    return f"{value:.{digits}f}".rstrip("0").rstrip(".")


def spread(each: Spread, unit: str = "") -> str:
    """``0.31 (0.28–0.4) ms``; without the brackets where all repetitions agree."""
    middle, low, high = number(each.median), number(each.low), number(each.high)
    around = f" ({low}–{high})" if low != high else ""
    return f"{middle}{around} {unit}".rstrip()


def lines(rows: Iterable[Row], details: bool = True) -> Iterator[tuple[str, ...]]:
    """One line for each figure and baseline, as ``HEAD`` says; rows in the order of their numbers."""
    for row in sorted(rows, key=lambda each: each.number):
        title = f"{row.title}: "
        for figure in row.figures:
            if details or not figure.detail:
                yield from _of_figure(str(row.number), title, figure)


def _of_figure(row: str, title: str, figure: Figure) -> Iterator[tuple[str, ...]]:
    begin = (row, title + figure.name, spread(figure.ours, figure.unit))
    end = (figure.aim, MET[figure.met])
    if not figure.baselines:
        yield (*begin, "", "", "", *end)
    for name, theirs in figure.baselines.items():
        ratio = spread(figure.ratios[name]) if name in figure.ratios else ""
        yield (*begin, name, spread(theirs, figure.unit), ratio, *end)
        begin, end = ("", "", ""), ("", "")


def show(rows: list[Row], console: Console | None = None) -> None:
    """Print the table and the rows' notes."""
    # As wide as it needs where nobody's window is the limit.
    console = console or Console()
    if not console.is_terminal:
        console.width = max(console.width, 240)
    table = Table(*HEAD, box=SIMPLE_HEAD, pad_edge=False)
    for line in lines(rows):
        table.add_row(*line[:-1], f"[bold red]{line[-1]}[/]" if line[-1] == MET[False] else line[-1])
    console.print(table)
    for row in sorted(rows, key=lambda each: each.number):
        if row.notes:
            console.print(f"{row.number}. {row.notes}\n", markup=False, highlight=False, width=NOTES)


def markdown(rows: Iterable[Row], details: bool = False) -> str:
    """The table for a page."""
    return "\n".join(map(_markdown_line, [HEAD, ("---",) * len(HEAD), *lines(rows, details)]))


def _markdown_line(cells: Iterable[str]) -> str:
    return "| " + " | ".join(each.replace("|", "\\|") for each in cells) + " |"
