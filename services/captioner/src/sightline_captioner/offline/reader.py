"""Reads text in a picture with tesseract, as a program beside this one."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
from asyncio.subprocess import Process

import cv2
import numpy as np
from numpy.typing import NDArray

from sightline_captioner.offline.look import shrink
from sightline_captioner.text import one_line

MAX_CHARACTERS = 600
MIN_CONFIDENCE = 60.0
"""Of 100. Below, tesseract mostly reads texture."""

MIN_WORD = 3
"""Letters and digits of the longest word, at least, or there is no text."""

MAX_SIDE = 1600
SECONDS = 4.0
_MAX_OUTPUT = 256 * 1024
_AT_ONCE = 2


class Reader:
    """Runs a few tesseracts at once, each bounded in time and output.

    Attributes:
        problem: Why no text is read; "" when it is.
    """

    def __init__(self, program: str, languages: str, seconds: float = SECONDS) -> None:
        """
        Args:
            program: Name or path; "" reads nothing.
            languages: As tesseract takes them: ``eng+deu``.
            seconds: That one picture may take, waiting included.
        """
        self.problem = "not started"
        self._program = program
        self._languages = languages
        self._seconds = seconds

    async def start(self) -> None:
        """Look whether tesseract is installed, with these languages."""
        self._slots = asyncio.Semaphore(_AT_ONCE)
        if not self._program:
            self.problem = "CAPTIONER_TESSERACT is empty"
            return
        if await asyncio.to_thread(shutil.which, self._program) is None:
            self.problem = f"{self._program} is not installed"
            return
        listed = await self._bounded(["--list-langs"], b"")
        if listed is None:
            self.problem = f"{self._program} does not work: try `{self._program} --list-langs`"
            return
        missing = set(self._languages.split("+")) - set(listed.split())
        self.problem = f"{self._program} lacks {', '.join(sorted(missing))}" if missing else ""

    async def read(self, pixels: NDArray[np.uint8]) -> str | None:
        """The text in a picture, on one line; "" when there is none.

        Args:
            pixels: height × width × 3, uint8, RGB.

        Returns:
            None when it could not be read: there is a problem, or it failed, or took too long.
        """
        if self.problem:
            return None
        picture = await asyncio.to_thread(_portable_grey, pixels)
        # Sparse text: what a scene has is no page of a book.
        table = await self._bounded(["stdin", "stdout", "-l", self._languages, "--psm", "11", "tsv"], picture)
        return None if table is None else words(table)

    async def _bounded(self, arguments: list[str], given: bytes) -> str | None:
        try:
            async with asyncio.timeout(self._seconds), self._slots:
                return await self._run(arguments, given)
        except (TimeoutError, OSError):
            return None

    async def _run(self, arguments: list[str], given: bytes) -> str | None:
        keep = ("PATH", "TESSDATA_PREFIX", "LD_LIBRARY_PATH")
        process = await asyncio.create_subprocess_exec(
            self._program,
            *arguments,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            # Keys are none of its business; its threads slow one another down on small pictures.
            env={name: os.environ[name] for name in keep if name in os.environ} | {"OMP_THREAD_LIMIT": "1"},
        )
        assert process.stdin is not None
        assert process.stdout is not None
        written = asyncio.create_task(_write(process.stdin, given))
        try:
            output = await _read(process.stdout)
            await written
            return output.decode("utf-8", "replace") if await process.wait() == 0 else None
        finally:
            written.cancel()
            await _end(process)


async def _end(process: Process) -> None:
    """Kill it, if it still runs, and read what it left, or its pipe stays open."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(1.0):
            await process.communicate()


async def _write(pipe: asyncio.StreamWriter, given: bytes) -> None:
    # A program that does not want it all is no error: what it says decides.
    with contextlib.suppress(ConnectionError):
        pipe.write(given)
        await pipe.drain()
    pipe.close()


async def _read(pipe: asyncio.StreamReader) -> bytes:
    output = b""
    while chunk := await pipe.read(64 * 1024):
        output += chunk
        if len(output) > _MAX_OUTPUT:
            raise OSError(f"more than {_MAX_OUTPUT:,} bytes of output")
    return output


def words(table: str) -> str:
    """The words of tesseract's table that it is sure of, in its order, on one line."""
    found = [word for row in table.splitlines()[1:] for word in _word(row.split("\t"))]
    # Noise makes a few short words, never a long one.
    if not any(sum(map(str.isalnum, word)) >= MIN_WORD for word in found):
        return ""
    return one_line(" ".join(found), MAX_CHARACTERS)


def _word(cells: list[str]) -> list[str]:
    """The last of the twelve cells of a row, if it is a word; the one before is the confidence."""
    with contextlib.suppress(ValueError):
        if len(cells) == 12 and float(cells[10]) >= MIN_CONFIDENCE and any(map(str.isalnum, cells[11])):
            return [cells[11]]
    return []


def _portable_grey(pixels: NDArray[np.uint8]) -> bytes:
    """The picture as PGM, which costs nothing to write and to read."""
    grey = cv2.cvtColor(shrink(pixels, MAX_SIDE), cv2.COLOR_RGB2GRAY)
    height, width = grey.shape
    return b"P5 %d %d 255\n" % (width, height) + grey.tobytes()
