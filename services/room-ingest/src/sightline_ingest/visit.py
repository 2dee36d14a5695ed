"""One stay in a LiveKit room: from joining to having left, with its tracks."""

from __future__ import annotations

import asyncio
from enum import Enum, auto

from livekit import rtc

from sightline.changes import Changes
from sightline.log import get_logger
from sightline_ingest.joining import joined
from sightline_ingest.livekit_server import LiveKitServer
from sightline_ingest.room_settings import RoomSettings
from sightline_ingest.room_tracks import RoomTracks, Sampling
from sightline_ingest.speaking import Speakers

log = get_logger()

# After these the tracks are looked through again; each is rare, and looking is cheap.
_CHANGES: tuple[rtc.room.EventTypes, ...] = (
    "participant_connected",
    "participant_disconnected",
    "participant_attributes_changed",
    "track_published",
    "track_unpublished",
    "track_muted",
    "track_unmuted",
    "reconnected",
)
_OVER = (rtc.DisconnectReason.ROOM_DELETED, rtc.DisconnectReason.ROOM_CLOSED)


class End(Enum):
    """Why a stay ended."""

    OVER = auto()
    """The room was deleted or closed, or nobody was in it for the grace."""
    EVICTED = auto()
    """Somebody joined under our identity."""
    LOST = auto()
    """The connection is gone, the room may be there."""


class Visit:
    """A room as it is joined."""

    def __init__(self, room: str, server: LiveKitServer, settings: RoomSettings, sampling: Sampling) -> None:
        self._server = server
        self._name = room
        self._settings = settings
        self._tracks = RoomTracks(room, settings, sampling)
        self._speakers = Speakers(sampling.control.speak)
        self._changes = Changes()
        self._reason: rtc.DisconnectReason.ValueType | None = None

    async def stay(self) -> End:
        """Join, sample, and leave when there is nothing more to see. Cancel it to leave at once.

        Raises:
            LiveKitError: Could not join.
        """
        room = rtc.Room()
        self._listen(room)
        over = False
        async with joined(room, self._server, self._name, self._settings.join_timeout):
            log.info("room_joined", room=self._name, participants=len(room.remote_participants))
            try:
                await self._tracks.end_leftovers(room.remote_participants)
                end = await self._follow(room)
                over = end is not End.EVICTED
            finally:
                await self._tracks.close(over)
        log.info("room_left", room=self._name, end=end.name.lower())
        return end

    async def _follow(self, room: rtc.Room) -> End:
        while True:
            version = self._changes.version
            if self._reason is not None:
                return _end(self._reason)
            self._tracks.reconcile(room.remote_participants)
            grace = None if room.remote_participants else self._settings.empty_grace
            try:
                async with asyncio.timeout(grace):
                    await self._changes.after(version)
            except TimeoutError:
                return End.OVER

    def _listen(self, room: rtc.Room) -> None:
        for event in _CHANGES:
            room.on(event, self._changed)
        room.on("track_subscribed", self._subscribed)
        room.on("track_unsubscribed", self._unsubscribed)
        room.on("track_subscription_failed", self._subscription_failed)
        room.on("active_speakers_changed", self._speakers.changed)
        room.on("disconnected", self._disconnected)

    def _changed(self) -> None:
        self._changes.tell()

    def _disconnected(self, reason: rtc.DisconnectReason.ValueType) -> None:
        self._reason = reason
        self._changes.tell()

    def _subscribed(self, track: rtc.RemoteTrack, publication: rtc.RemoteTrackPublication) -> None:
        subscription = self._tracks.subscription(publication.sid)
        if subscription is not None:
            subscription.arrived(track)

    def _unsubscribed(
        self,
        _track: rtc.RemoteTrack,
        publication: rtc.RemoteTrackPublication,
        participant: rtc.RemoteParticipant,
    ) -> None:
        subscription = self._tracks.subscription(publication.sid)
        if subscription is not None:
            subscription.gone()
        if not any(each.subscribed for each in participant.track_publications.values()):
            self._speakers.nobody(participant.identity)

    def _subscription_failed(self, _participant: rtc.RemoteParticipant, _sid: str, error: str) -> None:
        # The track's session asks again by itself.
        log.warning("track_subscription_failed", reason=error)


def _end(reason: rtc.DisconnectReason.ValueType) -> End:
    if reason in _OVER:
        return End.OVER
    return End.EVICTED if reason == rtc.DisconnectReason.DUPLICATE_IDENTITY else End.LOST
