"""The demo in front of somebody: a live view, questions typed under it."""

from __future__ import annotations

import asyncio
import os
import signal
import termios
from collections.abc import Iterator
from pathlib import Path

import pytest

from sightline.cli.demo.keyboard import MAX_CHARS, Typing
from sightline_ingest import demo_clip
from support.command_line import command


@pytest.fixture
def terminal() -> Iterator[tuple[int, int]]:
    """A pseudo terminal of 40 lines: our end and the end of the process in it."""
    ours, theirs = os.openpty()
    termios.tcsetwinsize(theirs, (40, 120))
    yield ours, theirs
    os.close(ours)
    os.close(theirs)


class Drawn:
    """Everything that a process draws on a terminal, read as it comes, so that it never has to wait."""

    def __init__(self, terminal: int) -> None:
        self.text = b""
        self._terminal = terminal
        self._more = asyncio.Event()
        asyncio.get_running_loop().add_reader(terminal, self._read)

    async def until(self, text: bytes) -> None:
        """Wait until it was drawn."""
        while text not in self.text:
            self._more.clear()
            await self._more.wait()

    def close(self) -> None:
        asyncio.get_running_loop().remove_reader(self._terminal)

    def _read(self) -> None:
        self.text += os.read(self._terminal, 65536)
        self._more.set()


@pytest.mark.slow
async def test_it_draws_takes_questions_and_gives_the_terminal_back(
    terminal: tuple[int, int], tmp_path: Path
) -> None:
    ours, theirs = terminal
    clip = tmp_path / "clip.mp4"
    await asyncio.to_thread(demo_clip.make, clip)
    before = termios.tcgetattr(theirs)
    process = await asyncio.create_subprocess_exec(
        *command("demo", "--source", str(clip)),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={**os.environ, "TERM": "xterm-256color"},
    )
    drawn = Drawn(ours)
    try:
        await drawn.until(b"'What do you see?', with captions")
        os.write(ours, b"Is it blue" + b"\x7f" * 4 + b"red")
        await drawn.until(b"ask> Is it red_")
        os.write(ours, b"?\n")
        await drawn.until(b"'Is it red?', with captions")
        process.send_signal(signal.SIGINT)
        code = await process.wait()
    finally:
        drawn.close()
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert code == 0
    assert termios.tcgetattr(theirs) == before


def typed(*parts: str) -> tuple[str, list[str]]:
    """What stands on the line, and what was entered, after typing."""
    entered: list[str] = []
    typing = Typing(entered.append)
    for part in parts:
        typing.take(part)
    return typing.line, entered


def test_a_line_is_entered_when_it_ends() -> None:
    assert typed("what is", " this?\n", "and") == ("and", ["what is this?"])


def test_an_empty_line_asks_nothing() -> None:
    assert typed("\n \n\r") == ("", [])


def test_the_last_character_can_be_taken_back() -> None:
    assert typed("\x7fabc\x7f\x08d\n") == ("", ["ad"])


def test_keys_that_print_nothing_are_ignored() -> None:
    assert typed("a\x1b\x00\tb") == ("ab", [])


def test_a_line_has_an_end() -> None:
    line, _ = typed("x" * (MAX_CHARS + 10))
    assert len(line) == MAX_CHARS
