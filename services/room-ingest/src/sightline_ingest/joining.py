"""Joining and leaving a LiveKit room, so that nobody is left standing in it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from livekit import rtc

from sightline.log import get_logger
from sightline_ingest.livekit_server import LiveKitServer

log = get_logger()

LEAVE_SECONDS = 3.0

_leaving: set[asyncio.Task[None]] = set()
"""Leaves that take long: the room is let go, its connection is not."""


@contextlib.asynccontextmanager
async def joined(room: rtc.Room, server: LiveKitServer, name: str, timeout: float) -> AsyncIterator[None]:
    """Be in a room for as long as the block runs.

    Raises:
        LiveKitError: Could not join within ``timeout`` seconds.
    """
    options = rtc.RoomOptions(auto_subscribe=False)
    joining = asyncio.create_task(room.connect(server.url, server.join_token(name), options))
    try:
        await _wait(joining, server, timeout)
        yield
    finally:
        await _leave(room, joining)


async def _wait(joining: asyncio.Task[None], server: LiveKitServer, timeout: float) -> None:
    try:
        async with asyncio.timeout(timeout):
            # Shielded: a join that is cancelled goes on below, and stands in the room for ever.
            await asyncio.shield(joining)
    except rtc.ConnectError as error:
        raise server.failed(f"cannot join rooms at {server.url}: {error.message[:300]}") from error
    except TimeoutError as error:
        raise server.failed(f"cannot join rooms at {server.url}: no answer in {timeout:g} s") from error


async def _leave(room: rtc.Room, joining: asyncio.Task[None]) -> None:
    leaving = asyncio.create_task(_disconnect(room, joining))
    _leaving.add(leaving)
    leaving.add_done_callback(_leaving.discard)
    await asyncio.wait({leaving}, timeout=LEAVE_SECONDS)
    if not leaving.done():
        log.warning("room_not_left", reason=f"LiveKit did not confirm it within {LEAVE_SECONDS:g} s")


async def _disconnect(room: rtc.Room, joining: asyncio.Task[None]) -> None:
    await asyncio.wait({joining})
    await room.disconnect()
