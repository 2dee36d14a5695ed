"""Bus to vision context, for one room; and what the agent tells the sources."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

from sightline import subjects, topology
from sightline.bus import Bus, Received
from sightline.changes import Changes
from sightline.errors import BusClosedError, SightlineError
from sightline.log import get_logger
from sightline.messages import (
    Caption,
    CaptureReply,
    CaptureRequest,
    EncodedImage,
    FrameInfo,
    RoomWanted,
    Speaking,
    TrackEnded,
)
from sightline_agent.context import VisionContext
from sightline_agent.traces import Traces

log = get_logger()

WANT_SECONDS = 3.0
"""How often the room is announced: a lost announcement, or a lost stream, costs no more than this."""

CAPTURE_SECONDS = 1.0
"""How long a capture request may take before nobody waits for it any more."""


class VisionFeed:
    """Keeps a context filled, and the room wanted, for as long as ``run`` runs.

    Args:
        bus: Started; it may be away and come back.
        context: What to fill.
        profile: The image profile to follow; empty follows no images.
        requested_by: Who wants the room, for the log of the sources; empty asks nobody to sample it.
    """

    def __init__(
        self, bus: Bus, context: VisionContext, profile: str = "", requested_by: str = "agent"
    ) -> None:
        self.bus = bus
        self.context = context
        self.changes = Changes()
        self.traces = Traces()
        self._profile = profile
        self._requested_by = requested_by
        self._speaking: set[str] = set()

    async def run(self) -> None:
        """Follow the room, for ever: through reconnects, and streams that are made anew.

        A late joiner is shown what was stored before. What comes twice changes nothing.

        Raises:
            ExceptionGroup: Of a BusClosedError: the connection is closed for good; or of a
                NotPermittedError: the credential lacks a right.
        """
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._follow_frames())
            tasks.create_task(self._follow_captions())
            if self._profile:
                tasks.create_task(self._follow_images())
            tasks.create_task(self._keep_said())

    async def capture(self, participant: str, reason: str, if_changed: bool = False) -> CaptureReply | None:
        """Ask for a frame of somebody now. None: nobody could be asked, which is no error.

        Args:
            if_changed: As of ``CaptureRequest``.
        """
        request = CaptureRequest(
            room=self.context.room,
            participant=participant,
            reason=reason,
            deadline=CAPTURE_SECONDS,
            if_changed=if_changed,
        )
        try:
            return await self.bus.request(request.subject, request, CaptureReply, timeout=CAPTURE_SECONDS)
        except SightlineError as error:
            log.debug("capture_not_answered", reason=str(error))
            return None

    async def fetch_images(self, profile: str) -> None:
        """Get the newest image of each track in view; what cannot be had is no error."""
        for frame in self.context.in_view:
            try:
                received = await self.bus.newest(EncodedImage, subjects.image(frame.track, profile))
            except SightlineError as error:
                log.debug("image_not_fetched", reason=str(error))
                return
            if received is not None:
                self._take(received)

    async def say(self, participant: str, speaking: bool) -> None:
        """Tell the sources that somebody began or stopped to speak."""
        (self._speaking.add if speaking else self._speaking.discard)(participant)
        with contextlib.suppress(SightlineError):  # closed for good: `run` tells
            await self.bus.send(Speaking(room=self.context.room, participant=participant, speaking=speaking))

    async def _follow_frames(self) -> None:
        # Headers only: the pixels are the stages' business, the agent wants to know what still holds.
        async for received in self.bus.feed(
            topology.FRAMES,
            subjects.room_frames(self.context.room),
            types=(FrameInfo, TrackEnded),
            headers_only=True,
        ):
            self._take(received)

    async def _follow_captions(self) -> None:
        subject = subjects.room_captions(self.context.room)
        async for received in self.bus.feed(topology.CAPTIONS, subject, types=(Caption,), history="all"):
            self._take(received)

    async def _follow_images(self) -> None:
        subject = subjects.room_images(self.context.room)
        async for received in self.bus.feed(topology.IMAGES, subject, types=(EncodedImage,)):
            if received.message.profile == self._profile:
                self._take(received)

    def _take(self, received: Received[Any]) -> None:
        message = received.message
        if not self.context.update(message, received.at):
            return
        if isinstance(message, Caption | EncodedImage):
            self.traces.keep(message.id, received.headers)
        self.changes.tell()

    async def _keep_said(self) -> None:
        """Say again what sources must know: messages get lost, and so do streams."""
        while True:
            if self._requested_by:
                await self._announce()
            for participant in tuple(self._speaking):
                await self.say(participant, speaking=True)
            with contextlib.suppress(TimeoutError):
                # At once when the bus came back: the announcement may be gone with its stream.
                async with asyncio.timeout(WANT_SECONDS):
                    await self.bus.changes.after(self.bus.changes.version)

    async def _announce(self) -> None:
        try:
            await self.bus.offer(RoomWanted(room=self.context.room, requested_by=self._requested_by))
        except BusClosedError:
            raise
        except SightlineError as error:
            log.debug("room_not_announced", reason=str(error))
