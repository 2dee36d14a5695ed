"""Reads text in a picture with tesseract, as a program beside this one."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil

import cv2
import numpy as np
from numpy.typing import NDArray

from sightline_captioner.text import one_line

MAX_CHARACTERS = 600
MIN_CONFIDENCE = 60.0
"""Of 100. Below, tesseract mostly reads texture."""

MIN_WORD = 3
"""Letters and digits of the longest word, at least, or there is no text."""

MAX_WIDTH = 1600
SECONDS = 4.0
_MAX_OUTPUT = 256 * 1024


class Reader:
    """Runs at most two tesseracts at once, each bounded in time."""

    def __init__(self, program: str, languages: str) -> None:
        """
        Args:
            program: Name or path; "" reads nothing.
            languages: As tesseract takes them: ``eng+deu``.
        """
        self._program = program
        self._languages = languages
        self._path: str | None = None

    async def start(self) -> None:
        """Look whether tesseract is installed."""
        self._slots = asyncio.Semaphore(2)
        self._path = await asyncio.to_thread(shutil.which, self._program) if self._program else None

    @property
    def installed(self) -> bool:
        return self._path is not None

    async def read(self, pixels: NDArray[np.uint8]) -> str | None:
        """The text in a picture, on one line; "" when there is none.

        Args:
            pixels: height × width × 3, uint8, RGB.

        Returns:
            None when it could not be read: tesseract is not installed, failed, or took too long.
        """
        if self._path is None:
            return None
        picture = await asyncio.to_thread(_portable_grey, pixels)
        try:
            async with asyncio.timeout(SECONDS), self._slots:
                table = await self._run(picture)
        except (TimeoutError, OSError):
            return None
        return None if table is None else words(table)

    async def _run(self, picture: bytes) -> str | None:
        # Sparse text: what a scene has is no page of a book.
        command = [str(self._path), "stdin", "stdout", "-l", self._languages, "--psm", "11", "tsv"]
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            # Its threads slow one another down on small pictures.
            env={"PATH": os.environ.get("PATH", ""), "OMP_THREAD_LIMIT": "1", **_tessdata()},
        )
        try:
            table, _ = await process.communicate(picture)
        finally:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
        return table[:_MAX_OUTPUT].decode("utf-8", "replace") if process.returncode == 0 else None


def words(table: str) -> str:
    """The words of tesseract's table that it is sure of, in its order, on one line."""
    found = []
    for row in table.splitlines()[1:]:
        cells = row.split("\t")
        if len(cells) == 12 and float(cells[10]) >= MIN_CONFIDENCE and any(map(str.isalnum, cells[11])):
            found.append(cells[11])
    # Noise makes a few short words, never a long one.
    if not any(sum(map(str.isalnum, word)) >= MIN_WORD for word in found):
        return ""
    return one_line(" ".join(found), MAX_CHARACTERS)


def _tessdata() -> dict[str, str]:
    return {name: os.environ[name] for name in ("TESSDATA_PREFIX",) if name in os.environ}


def _portable_grey(pixels: NDArray[np.uint8]) -> bytes:
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    height, width = grey.shape
    if width > MAX_WIDTH:
        height, width = max(1, round(height * MAX_WIDTH / width)), MAX_WIDTH
        grey = cv2.resize(grey, (width, height), interpolation=cv2.INTER_AREA)
    return b"P5 %d %d 255\n" % (width, height) + grey.tobytes()
