"""Somebody who asks for frames over the bus, and simulated tracks that answer."""

from __future__ import annotations

import asyncio
import time

from bus_load.load import Fleet
from bus_load.systems import Captioned, Sightline, track_of_number
from sightline.bus import Bus
from sightline.messages import CaptureReply, CaptureRequest, FrameInfo, Trigger

CAPTION_SECONDS = 60


class Camera:
    """A track that can be asked: the ``Sampled`` of ``sightline.sampling.control``."""

    def __init__(self, running: Fleet, source: Sightline, number: int, trigger: Trigger) -> None:
        self.track = track_of_number(number)
        self._running, self._source, self._number, self._trigger = running, source, number, trigger

    def speak(self, speaking: bool) -> None:
        """A simulated track shows as many pictures as before."""

    async def capture(self, deadline: float, if_changed: bool = False) -> FrameInfo:
        """Publish a frame now."""
        sequence = self._running.next_sequence(self._number)
        frame = await self._source.publish(self._number, sequence, self._trigger)
        return frame.info


class Asker:
    """Asks, and waits for the caption of what was asked for or of something newer."""

    def __init__(self, running: Fleet, bus: Bus) -> None:
        self._record, self._bus = running.record, bus

    async def ask(self, track: int) -> float:
        """Seconds from the request to the caption."""
        began, after = time.monotonic(), len(self._record.captions)
        whose = track_of_number(track)
        request = CaptureRequest(
            room=whose.room, participant=whose.participant, reason="benchmark", deadline=5
        )
        reply = await self._bus.request(request.subject, request, CaptureReply, timeout=6)
        sequence = reply.frames[0].sequence
        caption = await asyncio.wait_for(self._caption(track, sequence, after), CAPTION_SECONDS)
        return caption.at - began

    async def _caption(self, track: int, sequence: int, after: int) -> Captioned:
        while True:
            version = self._record.changes.version
            for each in self._record.captions[after:]:
                if each.track == track and each.sequence >= sequence:
                    return each
            after = len(self._record.captions)
            await self._record.changes.after(version)
