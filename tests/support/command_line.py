"""The `sightline` command as a process of its own, as anybody runs it."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from sightline.embedded import tethered


@dataclass(frozen=True, slots=True)
class Finished:
    """How a command ended: its exit code, stdout and stderr."""

    code: int
    out: str
    err: str

    @property
    def records(self) -> list[dict[str, Any]]:
        """The JSON objects on stdout; anything else there is an error."""
        return [json.loads(line) for line in self.out.splitlines()]


def command(*arguments: str) -> list[str]:
    """The program and arguments of a process that runs ``sightline``, and ends with this one."""
    return tethered(sys.executable, "-m", "sightline.cli", *arguments)


async def sightline(*arguments: str, **settings: str) -> Finished:
    """Run a command to its end.

    Args:
        arguments: Of the command line.
        settings: Environment variables, besides those of the tests.
    """
    return await python("-m", "sightline.cli", *arguments, **settings)


async def python(*arguments: str, **settings: str) -> Finished:
    """Run this Python to its end; otherwise as ``sightline``."""
    async with _started(*arguments, settings=settings) as process:
        out, err = await process.communicate()
        assert process.returncode is not None
        return Finished(process.returncode, out.decode(), err.decode())


@asynccontextmanager
async def started(*arguments: str, **settings: str) -> AsyncIterator[Process]:
    """A running command, with stdout and stderr to read from; killed at the end if it still runs."""
    async with _started("-m", "sightline.cli", *arguments, settings=settings) as process:
        yield process


@asynccontextmanager
async def _started(*arguments: str, settings: Mapping[str, str]) -> AsyncIterator[Process]:
    process = await asyncio.create_subprocess_exec(
        *tethered(sys.executable, *arguments),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=PIPE,
        stderr=PIPE,
        env={**os.environ, **settings},
        limit=1024 * 1024,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            # To their ends, so that the pipes are closed with the process.
            await process.communicate()


async def records(process: Process) -> AsyncIterator[dict[str, Any]]:
    """The JSON objects that a running command prints, as they come."""
    assert process.stdout is not None
    async for line in process.stdout:
        yield json.loads(line)
