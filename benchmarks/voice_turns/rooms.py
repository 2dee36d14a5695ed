"""People in rooms, with a camera, and with a voice where they speak aloud."""

from __future__ import annotations

import asyncio

from livekit import rtc

from support.livekit_publisher import Publisher
from voice_turns.moments import HEIGHT, WIDTH, moment_now, picture


class Cameras:
    """The cameras of all rooms show the moment; those of rooms that rest send nothing.

    Args:
        fps: Pictures a second.
    """

    def __init__(self, fps: float) -> None:
        self._fps = fps
        self._sources: dict[str, rtc.VideoSource] = {}
        self.live: set[str] = set()
        self._task = asyncio.create_task(self._show())

    async def open(self, person: Publisher) -> None:
        """Publish somebody's camera, which rests."""
        source = rtc.VideoSource(WIDTH, HEIGHT)
        track = rtc.LocalVideoTrack.create_video_track("camera", source)
        options = rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_CAMERA, simulcast=False)
        await person.room.local_participant.publish_track(track, options)
        self._sources[person.room.name] = source

    async def close(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        for source in self._sources.values():
            await source.aclose()

    async def _show(self) -> None:
        while True:
            frame = picture(moment_now())
            for name in self.live & self._sources.keys():
                self._sources[name].capture_frame(frame)
            await asyncio.sleep(1 / self._fps)
