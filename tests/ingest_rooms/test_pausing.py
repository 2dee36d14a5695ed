"""A track that goes in the moment in which it is paused, or goes on."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest
from livekit import rtc

from sightline.changes import Changes
from sightline.health import Health
from sightline_ingest.joining import joined
from sightline_ingest.livekit_server import LiveKitServer as LiveKit
from sightline_ingest.subscription import Subscription
from support.livekit_publisher import Publisher
from support.livekit_server import LiveKitServer
from support.room_ingest import settings_for

pytestmark = pytest.mark.livekit

VISITS = 30


class Eye:
    """Subscribes to all tracks of a room."""

    def __init__(self) -> None:
        self.room = rtc.Room()
        self.room.on("track_published", self._published)
        self.room.on("track_subscribed", self._subscribed)
        self._subscriptions: dict[str, Subscription] = {}
        self._arrivals = Changes()

    async def sees(self, sid: str) -> Subscription:
        """Wait until a track is read."""
        while True:
            version = self._arrivals.version
            if sid in self._subscriptions and self._subscriptions[sid].live:
                return self._subscriptions[sid]
            await self._arrivals.after(version)

    async def close(self) -> None:
        for each in self._subscriptions.values():
            await each.close()

    def _published(self, publication: rtc.RemoteTrackPublication, _who: rtc.RemoteParticipant) -> None:
        subscription = Subscription(publication, lambda _picture: None, lambda: datetime.now(UTC))
        self._subscriptions[publication.sid] = subscription
        subscription.open(None)

    def _subscribed(
        self, track: rtc.Track, publication: rtc.RemoteTrackPublication, _who: rtc.RemoteParticipant
    ) -> None:
        if isinstance(track, rtc.RemoteVideoTrack):
            self._subscriptions[publication.sid].arrived(track)
            self._arrivals.tell()


async def switch(subscription: Subscription) -> None:
    """For ever. That the track is gone is not heard: on a busy machine it is heard late."""
    while True:
        for receive in (False, True):
            subscription._receive(receive)
            await asyncio.sleep(0)


async def test_the_process_outlives_tracks_that_go_as_they_are_paused(
    livekit: LiveKitServer, room: str
) -> None:
    eye = Eye()
    settings = settings_for(livekit).livekit

    async def visit(number: int) -> None:
        async with Publisher(livekit, room, f"guest {number}") as guest:
            camera = await guest.camera(size=(160, 90))
            switching = asyncio.create_task(switch(await eye.sees(camera.sid)))
        switching.cancel()
        await asyncio.wait({switching})
        assert switching.cancelled()

    async with (
        asyncio.timeout(100),
        LiveKit(settings, Health(), "eye") as server,
        joined(eye.room, server, room, timeout=10),
    ):
        for number in range(VISITS):
            await visit(number)
        await eye.close()
