"""A client's video: frames taken in one after another, remembered, and asked for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Any

from sightline.bus import Bus
from sightline.messages import FrameInfo, Track, Trigger
from sightline.sampling.control import Control
from sightline.stages import StageRegistry
from sightline_agent.eyes import Eyes
from sightline_gateway.protocol import CaptureFrame, Dimensions, Error, FrameAck, FrameReceived, VideoFrame
from sightline_gateway.session.context import FrameContext, FrameEntry
from sightline_gateway.session.frames import FrameIntake, Published
from sightline_gateway.session.pictures import Picture, PictureError, check_size, examine
from sightline_gateway.session.requests import FrameRequests
from sightline_gateway.settings import SessionSettings

ENCODER = "encoder"
"""The stage that makes the images that turns are shown."""


class Video:
    """One track, from ``run`` to ``end``.

    Args:
        track: The client's camera, as it is on the bus.
        bus: Started; it may be away.
        stages: Who wants its frames.
        context: Where frames are remembered.
        emit: Sends a message to the client.
    """

    def __init__(
        self,
        track: Track,
        bus: Bus,
        stages: StageRegistry,
        settings: SessionSettings,
        context: FrameContext,
        emit: Callable[[Any], None],
    ) -> None:
        self._bus, self._stages, self._settings = bus, stages, settings
        self._context, self._emit = context, emit
        self.requests = FrameRequests(self._ask, settings.timer_interval)
        self._intake = FrameIntake(track, bus, stages, settings, self.requests.ask)
        self._control = Control(bus, track.room)
        self._last: Picture | None = None
        self._one_at_a_time = asyncio.Lock()

    async def serve(self) -> None:
        """Answer who asks on the bus for a frame; once it is there, where it is away."""
        await self._control.add(self._intake.track.participant, self._intake)

    async def run(self) -> None:
        """Ask for frames, for ever; cancel to stop."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._intake.run())
            tasks.create_task(self.requests.run())

    async def end(self) -> None:
        """Nothing is in view any more. Bounded; never raises. Cancel ``run`` first."""
        await self._control.close()
        await self._intake.end()

    async def take(self, frame: VideoFrame, data: bytes) -> bool:
        """Take in one frame: tells the client so, or what is wrong with it.

        Returns:
            Whether it was taken.
        """
        async with self._one_at_a_time:
            try:
                picture, is_same = await self._examine(frame, data)
            except PictureError as error:
                self._emit(Error(code=error.code, message=str(error), sequence=frame.sequence))
                return False
            is_first, self._last = self._last is None, picture
            published = await self._intake.publish(picture, frame.trigger_reason, is_same)
            self._remember(frame, picture, is_same, published)
            self.requests.came(published.view, is_first)
            self._tell(frame, picture, len(data), is_same)
        return True

    async def look(self, eyes: Eyes | None, asks: bool, images: bool) -> None:
        """Ask for a frame of now, and give it, and what is known of it, a moment.

        A client that did not answer the last time is asked, and not waited for.

        Args:
            eyes: Who knows what frames show.
            asks: Whether to ask for one.
            images: A turn is shown images, not captions alone.
        """
        awaited = asks and self.requests.answers
        if asks:
            self.requests.ask(Trigger.USER_REQUEST)
        try:
            async with asyncio.timeout(self._settings.frame_wait):
                frame = await self._intake.next() if awaited else self._intake.newest
                awaited = False
                if frame is not None and eyes is not None:
                    await self._until_known(frame, eyes, images)
        except TimeoutError:
            if awaited:
                self.requests.missed()

    async def _until_known(self, frame: FrameInfo, eyes: Eyes, images: bool) -> None:
        wants = self._stages.wants
        profile = eyes.profile

        def known() -> bool:
            if images and ENCODER in wants:
                return eyes.context.depicts(frame, profile)
            return not wants or eyes.context.describes(frame)

        await eyes.until(known, self._settings.frame_wait)

    async def _examine(self, frame: VideoFrame, data: bytes) -> tuple[Picture, bool]:
        """The picture, and whether it is the one before it, byte for byte.

        Raises:
            PictureError: It cannot be taken.
        """
        last = self._last
        if not data:
            if last is not None and frame.previous_frame_ref == last.hash:
                return last, True
            raise PictureError(
                "frame_invalid",
                "Frame not taken: expected a picture, or none and in previousFrameRef the frameHash of the "
                f"frame before, if it shows the same; got none and {frame.previous_frame_ref!r}",
            )
        check_size(len(data), self._settings.max_frame_input_size)
        picture = await examine(data, last)
        return picture, picture is last

    def _remember(self, frame: VideoFrame, picture: Picture, is_same: bool, published: Published) -> None:
        now = self._bus.now()
        self._context.came(frame.sequence, now)
        if is_same and self._context.entries:
            return
        entry = FrameEntry(frame.sequence, _milliseconds(now), frame.trigger_reason, picture.hash)
        self._context.add(entry, published.frame)

    def _tell(self, frame: VideoFrame, picture: Picture, size: int, is_same: bool) -> None:
        now = _milliseconds(self._bus.now())
        self._emit(
            FrameReceived(
                sequence=frame.sequence,
                timestamp=frame.timestamp or now,
                trigger_reason=frame.trigger_reason,
                size=size,
                dimensions=Dimensions(width=picture.size[0], height=picture.size[1]),
                frame_hash=picture.hash,
                duplicate=is_same,
            )
        )
        self._emit(FrameAck(sequence=frame.sequence, timestamp=now))

    def _ask(self, reason: Trigger) -> None:
        self._emit(CaptureFrame(reason=reason, timestamp=_milliseconds(self._bus.now())))


def _milliseconds(at: datetime) -> int:
    return int(at.timestamp() * 1000)
