"""The video of one publication, while it is wanted: subscribed, read, paused, closed.

Three habits of LiveKit's SDK shape this file. A ``VideoStream``'s iterator never ends by itself: not on
unsubscribe, mute, leave or disconnect; it is read in a task, which is cancelled before the stream is
closed. A subscription that is withdrawn before the track came may leave the server waiting: it
is asked for again when no track comes. And a track that is subscribed to anew costs two to three times
the CPU of one that is paused and goes on, and a kilobyte of the SDK's own that is never given back; what
a pause costs is the memory of its decoder: 15 MB at 720p.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import TypeAlias, cast

import numpy as np
from livekit import rtc
from livekit.rtc._ffi_client import FfiClient
from livekit.rtc._proto.ffi_pb2 import FfiRequest
from prometheus_client import Counter, Gauge

from sightline.log import get_logger
from sightline_ingest.picture import Picture, from_i420

log = get_logger()

STREAMS = Gauge("sightline_ingest_streams", "Video streams that are received and decoded now.")
SUBSCRIPTIONS = Counter("sightline_ingest_subscriptions", "Times that a track was subscribed to.")

CLOSE_SECONDS = 2.0
ORDER_SECONDS = 0.05

Quality: TypeAlias = rtc.VideoQuality.ValueType
_DEGREES: dict[int, int] = {
    rtc.VideoRotation.VIDEO_ROTATION_0: 0,
    rtc.VideoRotation.VIDEO_ROTATION_90: 90,
    rtc.VideoRotation.VIDEO_ROTATION_180: 180,
    rtc.VideoRotation.VIDEO_ROTATION_270: 270,
}


class Subscription:
    """What is received of one publication. Events of the room come in through ``arrived`` and ``gone``."""

    def __init__(
        self,
        publication: rtc.RemoteTrackPublication,
        show: Callable[[Picture], None],
        now: Callable[[], datetime],
    ) -> None:
        """
        Args:
            publication: A remote video track, not subscribed.
            show: Takes each picture, newest only; must not block.
            now: The bus's clock.
        """
        self.publication = publication
        self._show = show
        self._now = now
        self._wanted = False
        self._quality: Quality | None = None
        self._paused = self._went_on = False
        self._in_order_at = 0.0
        self._track: rtc.RemoteVideoTrack | None = None
        self._reading: asyncio.Task[None] | None = None
        self._closing: set[asyncio.Task[None]] = set()
        self._seen = asyncio.Event()

    @property
    def wanted(self) -> bool:
        return self._wanted

    @property
    def paused(self) -> bool:
        """Whether it is subscribed, and sent nothing."""
        return self._paused

    @property
    def quality(self) -> Quality | None:
        """The simulcast layer that was asked for last."""
        return self._quality

    @property
    def live(self) -> bool:
        """Whether the track is here and being read."""
        return self._reading is not None

    def open(self, quality: Quality | None) -> None:
        """Subscribe, or go on after a pause; the pictures follow. Harmless when already open.

        Args:
            quality: The simulcast layer; None where there is only one.
        """
        if quality is not None and quality != self._quality:
            self.publication.set_video_quality(quality)
            self._quality = quality
            self._in_order_at = asyncio.get_running_loop().time() + ORDER_SECONDS
        if not self._wanted:
            self._wanted = True
            self._seen.clear()
            self.publication.set_subscribed(True)
            SUBSCRIPTIONS.inc()
        elif self._paused:
            self._paused, self._went_on = False, True
            self._seen.clear()
            self._receive(True)

    async def pause(self) -> None:
        """Stay subscribed, and be sent nothing until it is opened. Closes it where there is no track yet."""
        if not self.live:
            await self.close()
        elif not self._paused:
            # A layer that was asked for just now must not come after this, and undo it.
            await asyncio.sleep(self._in_order_at - asyncio.get_running_loop().time())
            self._paused = True
            self._receive(False)
            await asyncio.sleep(ORDER_SECONDS)

    async def picture(self) -> None:
        """Wait for the first picture since it was opened, or went on."""
        await self._seen.wait()

    def arrived(self, track: rtc.RemoteTrack) -> None:
        """The room says: subscribed."""
        self.gone()
        self._paused = self._went_on = False
        if self._wanted and isinstance(track, rtc.RemoteVideoTrack):
            self._track = track
            self._reading = asyncio.create_task(self._read(track))

    def gone(self) -> None:
        """The room says: not subscribed any more."""
        self._track = None
        if self._reading is not None:
            self._reading.cancel()
            self._closing.add(self._reading)
            self._reading.add_done_callback(self._closing.discard)
            self._reading = None

    async def close(self) -> None:
        """Unsubscribe; returns when nothing is left open. Harmless when closed."""
        if self._paused and self.live:
            # The server may remember the pause, and keep it when the track is subscribed to again at once.
            self._receive(True)
            await asyncio.sleep(ORDER_SECONDS)
        self._paused = False
        self.gone()
        await asyncio.gather(*self._closing, return_exceptions=True)
        if self._wanted:
            self._wanted = False
            self.publication.set_subscribed(False)
            # The SDK sends each request by itself: the next one could overtake this one.
            await asyncio.sleep(ORDER_SECONDS)

    def _receive(self, receive: bool) -> None:
        """Say to the server whether pictures are to come. The SDK has requests for it, and no methods.

        Its request that does both of these at once ends the whole process where the track goes in the same
        moment: it looks for the track twice, and counts on finding it.
        """
        if self._track is None:
            return
        switch, tell = FfiRequest(), FfiRequest()
        switch.enable_remote_track.track_handle = self._track._ffi_handle.handle
        switch.enable_remote_track.enabled = receive
        tell.update_remote_track_publication_dimension.track_publication_handle = (
            self.publication._ffi_handle.handle
        )
        tell.update_remote_track_publication_dimension.width = self.publication.width
        tell.update_remote_track_publication_dimension.height = self.publication.height
        for request in (switch, tell):
            FfiClient.instance.request(request)

    async def _read(self, track: rtc.RemoteVideoTrack) -> None:
        stream = rtc.VideoStream(track, capacity=1)
        STREAMS.inc()
        try:
            async for event in stream:
                # The SDK makes black what comes as it is paused, and that may still be under way.
                if self._paused or (self._went_on and _is_black(event.frame)):
                    continue
                self._went_on = False
                self._show(_picture(event, self._now()))
                self._seen.set()
        finally:
            try:
                async with asyncio.timeout(CLOSE_SECONDS):
                    await stream.aclose()
            except TimeoutError:
                # On a machine that stalls the SDK drops frames, and the stream's end with them.
                log.debug("stream_end_lost")
            finally:
                STREAMS.dec()


def _picture(event: rtc.VideoFrameEvent, captured_at: datetime) -> Picture:
    frame = event.frame
    if frame.type != rtc.VideoBufferType.I420:
        frame = frame.convert(rtc.VideoBufferType.I420)
    return from_i420(
        frame.data, frame.width, frame.height, captured_at, _DEGREES[cast("int", event.rotation)]
    )


def _is_black(frame: rtc.VideoFrame) -> bool:
    """Whether all luma is 0, which is below the black of videos."""
    return frame.data[0] == 0 and not np.frombuffer(frame.data, np.uint8, frame.width * frame.height).any()
