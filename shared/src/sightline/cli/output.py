"""What a command prints: JSON lines for scripts, text and tables for people.

Names, captions and pictures' texts are anybody's, so text for people has no control characters: a
caption cannot move the cursor or change the window's title.
"""

from __future__ import annotations

import json
import sys
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

NARROWEST = 160
"""Columns of a table that goes into a file or a pipe."""


def printable(text: str) -> str:
    """One line of harmless text.

    >>> printable("a\\x1b[2Jb\\nc")
    'a [2Jb c'
    """
    harmless = "".join(" " if unicodedata.category(c)[0] == "C" else c for c in text)
    return " ".join(harmless.split())


def emit(record: Mapping[str, Any]) -> None:
    """Print one JSON object on one line, and let the reader have it now."""
    sys.stdout.write(json.dumps(record, default=str) + "\n")
    sys.stdout.flush()


def say(line: str) -> None:
    sys.stdout.write(_encodable(line) + "\n")
    sys.stdout.flush()


def complain(line: str) -> None:
    sys.stderr.write(f"sightline: {line}\n")


def table(headings: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print a table without frames; cells are made printable."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    made = Table(box=None, pad_edge=False, header_style="bold")
    for heading in headings:
        made.add_column(heading, overflow="fold")
    for row in rows:
        made.add_row(*(Text(printable(str(cell))) for cell in row))
    Console(width=None if sys.stdout.isatty() else NARROWEST).print(made)


def seconds(age: float) -> str:
    """An age for people: ``0.8 s``, ``12 s``."""
    return f"{age:.1f} s" if age < 10 else f"{age:.0f} s"


def _encodable(line: str) -> str:
    """A terminal of another encoding than UTF-8 shows ``?`` instead of ending the command."""
    encoding = sys.stdout.encoding or "utf-8"
    return line.encode(encoding, "replace").decode(encoding)
