"""Programs that a benchmark runs beside itself, each as a process of its own."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import psutil

from sightline.embedded import tethered

HERE = Path(__file__).parents[1]
READY = "ready"
READY_SECONDS = 30
STOP_SECONDS = 5


@asynccontextmanager
async def child(module: str, **arguments: Any) -> AsyncIterator[psutil.Process]:
    """Run ``python -m module`` until the end of the block; it gets the arguments as one JSON object.

    Returns once it says that it is ready. It ends when its input does.

    Raises:
        RuntimeError: It ended before it was ready; what it logged is on stderr.
    """
    path = os.pathsep.join(filter(None, (str(HERE), os.environ.get("PYTHONPATH"))))
    process = await asyncio.create_subprocess_exec(
        *tethered(sys.executable, "-m", module, json.dumps(arguments)),
        env={**os.environ, "PYTHONPATH": path},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        async with asyncio.timeout(READY_SECONDS):
            said = (await process.stdout.readline()).decode().strip()
        if said != READY:
            raise RuntimeError(f"expected {module} to say {READY!r}, got {said!r}")
        yield psutil.Process(process.pid)
        process.stdin.close()
        # What it measured is known by now: one that ends late is killed.
        with suppress(TimeoutError):
            async with asyncio.timeout(STOP_SECONDS):
                await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def arguments() -> dict[str, Any]:
    """What the program was given."""
    given: dict[str, Any] = json.loads(sys.argv[1])
    return given


async def until_told() -> None:
    """Say that the program is ready, and wait until it is to end."""
    sys.stdout.write(f"{READY}\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.read)
