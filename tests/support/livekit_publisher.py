"""A participant of a real LiveKit room who publishes what the test shows.

>>> async with Publisher(livekit, room="demo", identity="alice") as alice:
...     camera = await alice.camera()
...     camera.show(scene(BLUE, "hello"))      # sent ten times a second until changed
...     await camera.unpublish()
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping
from types import TracebackType
from typing import Protocol, Self

import numpy as np
from livekit import api, rtc

from support.scenes import Picture, scene

FPS = 10
_AUDIO_RATE = 48_000
_TONE_HZ = 440


class LiveKit(Protocol):
    """What is needed to know of a server; the fixture ``livekit`` is one."""

    url: str
    api_key: str
    api_secret: str


def participant_token(livekit: LiveKit, grants: api.VideoGrants, identity: str, **claims: object) -> str:
    """A token to join as a participant. ``claims``: ``attributes`` and ``kind``."""
    token = api.AccessToken(livekit.api_key, livekit.api_secret).with_identity(identity).with_grants(grants)
    for name, value in claims.items():
        getattr(token, f"with_{name}")(value)
    return token.to_jwt()


class PublishedTrack:
    """A video track on air. Shows grey until told otherwise."""

    def __init__(
        self,
        room: rtc.Room,
        source: rtc.VideoSource,
        track: rtc.LocalVideoTrack,
        size: tuple[int, int],
        fps: float,
    ) -> None:
        self._room = room
        self._source = source
        self._track = track
        self._fps = fps
        self._frame = _i420(scene((128, 128, 128), size=size))
        self._sending = asyncio.create_task(self._send())

    @property
    def sid(self) -> str:
        """The track's id on the server: the ``id`` of Sightline's Track."""
        return self._track.sid

    def show(self, picture: Picture) -> None:
        """Send this picture (height × width × 3, uint8, RGB) from now on."""
        self._frame = _i420(picture)

    def mute(self) -> None:
        self._track.mute()

    def unmute(self) -> None:
        self._track.unmute()

    async def unpublish(self) -> None:
        await self._stop()
        await self._room.local_participant.unpublish_track(self.sid)
        await self._source.aclose()

    async def close(self) -> None:
        """Stop sending; the publication goes with the participant."""
        await self._stop()
        await self._source.aclose()

    async def _stop(self) -> None:
        self._sending.cancel()
        await asyncio.gather(self._sending, return_exceptions=True)

    async def _send(self) -> None:
        while True:
            self._source.capture_frame(self._frame)
            await asyncio.sleep(1 / self._fps)


class Publisher:
    """One participant. Joins on enter, leaves on exit.

    Args:
        livekit: The server.
        room: Room to join; made by joining.
        identity: Who this is.
        attributes: Participant attributes; ``lk.publish_on_behalf`` makes it an avatar.
        kind: ``standard`` or ``agent``, as LiveKit's tokens have it.
    """

    def __init__(
        self,
        livekit: LiveKit,
        room: str = "demo",
        identity: str = "alice",
        *,
        attributes: Mapping[str, str] | None = None,
        kind: str = "standard",
    ) -> None:
        self._livekit = livekit
        self._room_name = room
        self.identity = identity
        self._claims = {"attributes": dict(attributes or {}), "kind": kind}
        self.room = rtc.Room()
        self._tracks: list[PublishedTrack] = []
        self._speech: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        grants = api.VideoGrants(room_join=True, room=self._room_name)
        token = participant_token(self._livekit, grants, self.identity, **self._claims)
        await self.room.connect(self._livekit.url, token, rtc.RoomOptions(auto_subscribe=False))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.leave()

    async def camera(
        self,
        source: rtc.TrackSource.ValueType = rtc.TrackSource.SOURCE_CAMERA,
        *,
        simulcast: bool = False,
        size: tuple[int, int] = (640, 360),
        fps: float = FPS,
    ) -> PublishedTrack:
        """Publish a video track; ``source`` SOURCE_SCREENSHARE makes it a screen."""
        pictures = rtc.VideoSource(*size, is_screencast=source == rtc.TrackSource.SOURCE_SCREENSHARE)
        track = rtc.LocalVideoTrack.create_video_track("video", pictures)
        options = rtc.TrackPublishOptions(source=source, simulcast=simulcast)
        published = PublishedTrack(self.room, pictures, track, size, fps)
        self._tracks.append(published)
        await self.room.local_participant.publish_track(track, options)
        return published

    async def screen(self, *, size: tuple[int, int] = (640, 360)) -> PublishedTrack:
        return await self.camera(rtc.TrackSource.SOURCE_SCREENSHARE, size=size)

    def show(self, picture: Picture) -> None:
        """Show a picture on every track."""
        for track in self._tracks:
            track.show(picture)

    def mute(self) -> None:
        """Mute every video track."""
        for track in self._tracks:
            track.mute()

    def unmute(self) -> None:
        for track in self._tracks:
            track.unmute()

    async def speak(self) -> None:
        """Publish a microphone with a loud tone, until ``hush`` or ``leave``."""
        source = rtc.AudioSource(_AUDIO_RATE, 1)
        track = rtc.LocalAudioTrack.create_audio_track("voice", source)
        options = rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE)
        await self.room.local_participant.publish_track(track, options)
        self._speech = asyncio.create_task(_hum(source))

    async def hush(self) -> None:
        """Fall silent."""
        if self._speech is not None:
            self._speech.cancel()
            await asyncio.gather(self._speech, return_exceptions=True)
            self._speech = None

    async def leave(self) -> None:
        """Leave the room. Harmless when already gone."""
        await self.hush()
        await asyncio.gather(*(track.close() for track in self._tracks))
        self._tracks.clear()
        await self.room.disconnect()


async def _hum(source: rtc.AudioSource) -> None:
    samples = _AUDIO_RATE // 100
    phase = np.arange(samples) * (2 * math.pi * _TONE_HZ / _AUDIO_RATE)
    tone = (np.sin(phase) * 20_000).astype(np.int16).tobytes()
    try:
        while True:
            await source.capture_frame(rtc.AudioFrame(tone, _AUDIO_RATE, 1, samples))
    finally:
        await source.aclose()


def _i420(picture: Picture) -> rtc.VideoFrame:
    height, width, _ = picture.shape
    frame = rtc.VideoFrame(width, height, rtc.VideoBufferType.RGB24, picture.tobytes())
    return frame.convert(rtc.VideoBufferType.I420)
