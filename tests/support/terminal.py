"""Somebody at a terminal: a program that draws there, and keys that are pressed for it."""

from __future__ import annotations

import asyncio
import os
import re
import termios
from collections.abc import Callable
from types import TracebackType
from typing import Self

LINES, COLUMNS = 40, 120
LOCAL = 3
"""Where the local modes are in what termios gives."""

_STYLE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Terminal:
    """A pseudo terminal. ``theirs`` is the end of the program that runs in it.

    Attributes:
        drawn: Everything that was drawn, read as it comes, so that the program never has to wait.
    """

    def __init__(self) -> None:
        self.drawn = b""

    def __enter__(self) -> Self:
        self._ours, self.theirs = os.openpty()
        termios.tcsetwinsize(self.theirs, (LINES, COLUMNS))
        self._more = asyncio.Event()
        asyncio.get_running_loop().add_reader(self._ours, self._read)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        asyncio.get_running_loop().remove_reader(self._ours)
        os.close(self._ours)
        os.close(self.theirs)
        if error is not None:
            print(self.drawn.decode(errors="replace"))

    async def until(self, text: str, after: int = 0) -> None:
        """Wait until this was drawn, behind so many bytes of what was drawn."""
        await self._until(lambda: text.encode() in self.drawn[after:])

    async def press(self, keys: str) -> None:
        """Press keys, each when the program waits for one: what is pressed earlier it drops."""
        for number in range(len(keys)):
            await self._is_waited_for()
            drawn = len(self.drawn)
            os.write(self._ours, keys[number].encode())
            if keys[number] != "\n":
                await self._shows_typed(keys[: number + 1], drawn)

    async def _shows_typed(self, text: str, after: int) -> None:
        """Wait for the line with its cursor: one letter alone may be part of anything that is drawn."""
        line = f"\u276f {text}\u2588"
        await self._until(lambda: line in _STYLE.sub("", self.drawn[after:].decode(errors="replace")))

    async def _until(self, shown: Callable[[], bool]) -> None:
        while not shown():
            self._more.clear()
            await self._more.wait()

    async def _is_waited_for(self) -> None:
        """Programs that read single keys turn lines off only while they wait for one."""
        while termios.tcgetattr(self.theirs)[LOCAL] & termios.ICANON:  # noqa: ASYNC110 - modes have no event
            await asyncio.sleep(0.02)

    def _read(self) -> None:
        self.drawn += os.read(self._ours, 65_536)
        self._more.set()
