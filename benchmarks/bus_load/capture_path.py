"""From "look now" to a frame on the bus: room-ingest on a real LiveKit server, with a camera."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import nats
from nats.aio.msg import Msg

from bus_load.child import child
from sightline import subjects
from sightline.bus import Bus
from sightline.config import BusSettings
from sightline.embedded import NatsServer
from sightline.errors import BusError
from sightline.messages import CaptureReply, CaptureRequest, Trigger
from sightline.sampling.captures import NOW_SECONDS
from support.livekit_server import find_livekit_server, running_livekit
from support.room_ingest import IngestProcess, stage, want

ROOM, WHO = "latency", "alice"
STEADY = {"INGEST_IDLE_INTERVAL": "1", "SIGHTLINE_LOG_LEVEL": "info"}
"""A frame each second: the track stays subscribed."""

FIRST_SECONDS = 30


class CapturePath:
    """Somebody who asks for frames, and sees them come."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._seen: asyncio.Queue[float] = asyncio.Queue()

    async def hear(self, message: Msg) -> None:
        """A frame was published."""
        if (message.headers or {}).get("ce-trigger") == Trigger.USER_REQUEST:
            self._seen.put_nowait(time.monotonic())

    async def requests(self, count: int) -> list[float]:
        """Seconds from each request to its frame."""
        return [await self._request() for _ in range(count)]

    async def ready(self) -> None:
        """Wait until requests are answered."""
        async with asyncio.timeout(FIRST_SECONDS):
            while True:
                try:
                    if not (await self._ask()).error:
                        break
                except BusError:
                    await asyncio.sleep(0.1)  # nobody serves it yet
        await self._seen.get()

    async def _request(self) -> float:
        # Those who ask within this time are given the same frame.
        await asyncio.sleep(NOW_SECONDS * random.uniform(1.2, 2.0))
        began = time.monotonic()
        reply = await self._ask()
        assert not reply.error, reply.error
        return await self._seen.get() - began

    async def _ask(self) -> CaptureReply:
        request = CaptureRequest(room=ROOM, participant=WHO, reason="benchmark", deadline=5)
        return await self._bus.request(request.subject, request, CaptureReply, timeout=6)


@asynccontextmanager
async def capture_path() -> AsyncIterator[CapturePath]:
    """LiveKit, NATS, room-ingest and a camera, each a process of its own; ready to be asked."""
    with running_livekit(find_livekit_server()) as livekit:
        async with NatsServer() as server, Bus.open(BusSettings(url=server.url), name="asker") as bus:
            path = CapturePath(bus)
            client = await nats.connect(server.url)
            await client.subscribe(subjects.room_frames(ROOM), cb=path.hear)
            about = {"url": livekit.url, "api_key": livekit.api_key, "api_secret": livekit.api_secret}
            async with (
                stage(bus, max_width=1280),
                IngestProcess(server.url, livekit, **STEADY),
                child("bus_load.camera", **about, room=ROOM, identity=WHO),
            ):
                await want(bus, ROOM)
                await path.ready()
                yield path
            await client.close()
