"""What the voice recipes have in common: the newest frame of the first camera is kept.

``rtc.VideoStream`` is read with ``capacity=1``, which is better than the recipes have it: its queue is
unbounded by default. Its reader is cancelled and the stream closed as the agent leaves, which they leave out.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

from livekit import rtc
from livekit.agents import Agent


class LatestFrame(Agent):
    """Keeps the newest frame.

    Args:
        room: The room; in a job it would be ``get_job_context().room``.
        agent: As of ``livekit.agents.Agent``.
    """

    def __init__(self, room: rtc.Room, **agent: Any) -> None:
        super().__init__(**agent)
        self._room = room
        self._latest_frame: rtc.VideoFrame | None = None
        self._reading: asyncio.Task[None] | None = None

    async def on_enter(self) -> None:
        for participant in self._room.remote_participants.values():
            for publication in participant.track_publications.values():
                if publication.track is not None:
                    self._watch(publication.track)
        self._room.on("track_subscribed", self._watch)

    async def on_exit(self) -> None:
        self._room.off("track_subscribed", self._watch)
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)

    def take_frame(self) -> rtc.VideoFrame | None:
        """The newest frame, once."""
        frame, self._latest_frame = self._latest_frame, None
        return frame

    def _watch(self, track: rtc.Track, *_: object) -> None:
        if track.kind == rtc.TrackKind.KIND_VIDEO and self._reading is None:
            self._reading = asyncio.create_task(self._read(track))

    async def _read(self, track: rtc.Track) -> None:
        stream = rtc.VideoStream(track, capacity=1)
        async with contextlib.aclosing(stream):  # type: ignore[type-var]
            async for event in stream:
                self._latest_frame = event.frame
