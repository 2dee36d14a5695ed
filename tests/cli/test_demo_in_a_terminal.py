"""The demo in front of somebody: a live view, questions typed under it."""

from __future__ import annotations

import asyncio
import os
import signal
import termios
from collections.abc import AsyncIterator, Iterator
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


async def output_of(terminal: int) -> AsyncIterator[bytes]:
    """Everything that was drawn so far, each time that there is more."""
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    pipe = os.fdopen(os.dup(terminal), "rb", buffering=0)
    transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), pipe)
    try:
        drawn = b""
        while part := await reader.read(65536):
            drawn += part
            yield drawn
    finally:
        transport.close()


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
    try:
        typed = False
        async for drawn in output_of(ours):
            if not typed and b"'What do you see?', with captions" in drawn:
                os.write(ours, b"Is it blue" + b"\x7f" * 4 + b"red?\n")
                typed = True
            if b"'Is it red?', with captions" in drawn:
                break
        assert b"ask> Is it red?" not in drawn.split(b"'Is it red?', with captions")[1]
        process.send_signal(signal.SIGINT)
        # Somebody has to read what it draws at last.
        async for _ in output_of(ours):
            if process.returncode is not None:
                break
    finally:
        if process.returncode is None:
            process.kill()
    assert await process.wait() == 0
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
