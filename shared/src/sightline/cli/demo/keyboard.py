"""Questions typed under a live view: no echo, which would disturb the drawing; the view shows them."""

from __future__ import annotations

import asyncio
import os
import sys
import termios
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager

ENTER, ERASE = "\r\n", "\x7f\b"
MAX_CHARS = 500


class Typing:
    """A line as it is typed.

    Attributes:
        line: What there is of it so far.
    """

    def __init__(self, entered: Callable[[str], None]) -> None:
        """
        Args:
            entered: Given each line that was ended with Enter and is not empty.
        """
        self.line = ""
        self._entered = entered

    def take(self, typed: str) -> None:
        """Characters, as they come from the keyboard; those that print nothing are ignored."""
        for char in typed:
            if char in ENTER:
                line, self.line = self.line.strip(), ""
                if line:
                    self._entered(line)
            elif char in ERASE:
                self.line = self.line[:-1]
            elif char.isprintable() and len(self.line) < MAX_CHARS:
                self.line += char


@contextmanager
def reading_keys(typing: Typing) -> Iterator[None]:
    """Give ``typing`` what is typed; nothing where stdin is no terminal. The terminal is restored."""
    if not sys.stdin.isatty():
        yield
        return
    loop, keyboard = asyncio.get_running_loop(), sys.stdin.fileno()
    before = termios.tcgetattr(keyboard)
    tty.setcbreak(keyboard)
    loop.add_reader(keyboard, lambda: typing.take(os.read(keyboard, 4096).decode(errors="ignore")))
    try:
        yield
    finally:
        loop.remove_reader(keyboard)
        termios.tcsetattr(keyboard, termios.TCSADRAIN, before)
