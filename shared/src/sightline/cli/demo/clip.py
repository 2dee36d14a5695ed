"""Where the pictures come from: what was asked for, or the clip that room-ingest draws."""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import PIPE

from sightline.errors import SightlineError

MAKE_SECONDS = 120.0


async def source_or_clip(source: str | None) -> str:
    """The source as given, else the path of the demo's own clip, made at its first use.

    Raises:
        SightlineError: The clip could not be made; says why.
    """
    if source is not None:
        return source
    # A process of its own: services are reached by their commands, never imported.
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "sightline_ingest.demo_clip", stdout=PIPE, stderr=PIPE
    )
    try:
        async with asyncio.timeout(MAKE_SECONDS):
            made, said = await process.communicate()
    except BaseException as error:
        process.kill()
        await process.wait()
        if isinstance(error, TimeoutError):
            raise SightlineError(f"the demo's clip was not made within {MAKE_SECONDS:g} s") from None
        raise
    if process.returncode:
        last = said.decode(errors="replace").strip().splitlines()[-1:]
        raise SightlineError(f"the demo's clip could not be made: {' '.join(last)}. Give one with --source")
    return made.decode().strip()
