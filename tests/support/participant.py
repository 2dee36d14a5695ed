"""A participant in a process of its own: WebRTC's library may end a process on its way out.

>>> async with participant(livekit, room="demo", identity="alice") as alice:
...     await alice.does("camera red")         # or screen; red, green, blue, yellow
...     await alice.does("agent")              # once an agent listens
...     await alice.does("say What is this?")
"""

from __future__ import annotations

import asyncio
import os
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from subprocess import PIPE

from support.livekit_publisher import LiveKit

PROGRAM = Path(__file__).with_name("participant_program.py")
SECONDS = 60


class Participant:
    def __init__(self, process: Process) -> None:
        self._process = process

    async def does(self, what: str) -> None:
        """Tell it, and wait until it has."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{what}\n".encode())
        await self.answers("done")

    async def answers(self, word: str) -> None:
        assert self._process.stdout is not None
        line = await asyncio.wait_for(self._process.stdout.readline(), SECONDS)
        assert line.decode().strip() == word, f"the participant says {line!r}; what it logged is above"


@asynccontextmanager
async def participant(livekit: LiveKit, room: str, identity: str) -> AsyncIterator[Participant]:
    """Join, and leave in the end."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(PROGRAM),
        *(livekit.url, livekit.api_key, livekit.api_secret, room, identity),
        env={**os.environ, "PYTHONPATH": str(PROGRAM.parents[1])},
        stdin=PIPE,
        stdout=PIPE,
    )
    try:
        somebody = Participant(process)
        await somebody.answers("joined")
        yield somebody
        assert process.stdin is not None
        process.stdin.close()
        assert await asyncio.wait_for(process.wait(), SECONDS) == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
