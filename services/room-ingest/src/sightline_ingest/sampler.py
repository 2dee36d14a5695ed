"""One track: newest picture in, frames out."""

from __future__ import annotations

import asyncio
import contextlib
from typing import NamedTuple

from sightline.changes import Changes
from sightline.errors import CaptureError, SightlineError
from sightline.log import get_logger
from sightline.messages import Frame, FrameInfo, Track
from sightline.sampling.captures import Captures
from sightline.sampling.metrics import SHED
from sightline.sampling.policy import History, Look, Policy, Sample
from sightline.sampling.publisher import Publisher
from sightline.stages import StageRegistry
from sightline_ingest import jpeg
from sightline_ingest.eye import Eye, Seen
from sightline_ingest.metrics import ENCODE_SECONDS
from sightline_ingest.picture import Picture
from sightline_ingest.settings import SamplingSettings

log = get_logger()

END_SECONDS = 3.0


class Demand(NamedTuple):
    """What is wanted of a track now.

    Attributes:
        interval: Seconds between pictures; 0 while a capture waits for one; None: nobody wants any.
        width: Widest picture of use, in pixels.
    """

    interval: float | None
    width: int


class TrackSampler:
    """Samples one track. ``run`` it in a task; cancel that task, then ``end``.

    Of the pictures that are shown the newest is kept, nothing is copied. Every ``look_interval`` it
    is looked at; what becomes of it then is the policy's decision, asked again when its time comes.
    """

    def __init__(
        self, track: Track, publisher: Publisher, stages: StageRegistry, settings: SamplingSettings
    ) -> None:
        """No I/O, but on an event loop."""
        self.track = track
        self._publisher, self._stages, self._settings = publisher, stages, settings
        self._policy = Policy(settings)
        self._eye = Eye(track.source, settings)
        self._history = History()
        self._captures = Captures()
        self._sequence: int | None = None
        self._speaking = False
        self._picture_wakes = False
        self._failing = False
        self._changes = Changes()
        self._settled = asyncio.Event()
        self._loop = asyncio.get_running_loop()

    @property
    def demand(self) -> Demand:
        """What is wanted of this track now."""
        wants = self._stages.wants
        interval = self._policy.interval(self._speaking, wants)
        if interval is not None and self._captures.waiting:
            interval = 0.0
        return Demand(interval, max((want.max_width for want in wants.values()), default=0))

    async def demand_changed(self, demand: Demand) -> Demand:
        """Wait until the demand is another. Only while ``run`` runs."""
        while True:
            version = self._changes.version
            if self.demand != demand:
                return self.demand
            await self._changes.after(version)

    async def run(self) -> None:
        """Look at pictures and publish frames, for ever; cancel to stop. Survives the bus."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._follow_stages())
            tasks.create_task(self._follow_bus())
            tasks.create_task(self._sample())

    def show(self, picture: Picture) -> None:
        """Offer the newest picture; the one before it is dropped. Never blocks. On the loop's thread."""
        self._eye.show(picture)
        self._settled.clear()
        if self._picture_wakes:
            self._changes.tell()

    def speak(self, speaking: bool) -> None:
        """The participant began or stopped to speak."""
        if speaking != self._speaking:
            self._speaking = speaking
            self._changes.tell()

    async def capture(self, deadline: float, if_changed: bool = False) -> FrameInfo:
        """Publish a frame now, for whoever asks meanwhile.

        Args:
            deadline: Seconds after which nobody waits for it.
            if_changed: As of ``CaptureRequest``.

        Raises:
            CaptureError: No picture came, or could be published, in time.
        """
        if not self._stages.wants:
            raise CaptureError("no stage runs that would look at a frame: start a captioner")
        try:
            with self._captures.ask(self._loop.time(), if_changed) as answer:
                self._changes.tell()
                async with asyncio.timeout(deadline):
                    return await asyncio.shield(answer)
        except TimeoutError:
            raise CaptureError(f"no picture of the {self.track.source} came within {deadline:g} s") from None
        finally:
            self._changes.tell()

    async def settled(self) -> None:
        """Wait until the picture shown last was looked at and, if it is to be, published."""
        await self._settled.wait()

    async def end(self) -> None:
        """The track is over: take its frame's place. Bounded, never raises. Cancel ``run`` first."""
        self._captures.refuse(CaptureError(f"the {self.track.source} is over"))
        if self._sequence is None:
            return
        sequence, self._sequence = self._sequence, self._sequence + 1
        try:
            async with asyncio.timeout(END_SECONDS):
                await self._publisher.end(self.track, sequence)
        except (SightlineError, TimeoutError) as error:
            log.debug("track_end_not_published", reason=repr(error))

    async def _follow_stages(self) -> None:
        version = -1
        while True:
            version = await self._stages.changed(version)
            # A stage that comes back has seen nothing.
            self._history = self._history.keeping(self._stages.wants)
            self._changes.tell()

    async def _follow_bus(self) -> None:
        version = -1
        while True:
            version = await self._publisher.changes.after(version)
            self._changes.tell()

    async def _sample(self) -> None:
        while True:
            version = self._changes.version
            wake_at: float | None = None
            if self._stages.wants and self._publisher.ready:
                try:
                    wake_at = await self._step()
                except Exception as error:
                    # Neither the bus nor a picture that nobody can encode may end the track.
                    self._shed(error)
                    wake_at = self._loop.time()
            if not self._eye.has_news:
                self._settled.set()
            await self._wait(version, wake_at)

    async def _step(self) -> float | None:
        """Look, and publish what is to be. Returns when to ask again, on the loop's clock."""
        if self._loop.time() >= self._eye.look_at or self._captures.waiting:
            self._look()
        look, sample = self._decide()
        if sample is not None and self._eye.has_news:
            # What was seen a moment ago is due now, and there is a newer picture.
            self._look()
            look, sample = self._decide()
        if look is None:
            return None
        if sample is None:
            return self._policy.due(self._history, look, self._stages.wants)
        await self._publish(self._eye.take(), look, sample)
        return look.now

    def _look(self) -> None:
        # Each frame that is due has been looked at, however seldom that may be.
        interval = self._policy.interval(self._speaking, self._stages.wants)
        pause = self._settings.look_interval
        self._eye.look(pause if interval is None else min(pause, interval))

    def _decide(self) -> tuple[Look, Sample | None] | tuple[None, None]:
        """What becomes of the picture that was seen last."""
        seen = self._eye.seen
        if seen is None:
            return None, None
        look = Look(
            now=self._loop.time(),
            view=seen.view,
            speaking=self._speaking,
            asked=self._captures.wants(seen.shown_at),
            afresh=self._captures.wants_afresh(seen.shown_at),
            generation=self._publisher.generation,
        )
        return look, self._policy.decide(self._history, look, self._stages.wants)

    async def _publish(self, seen: Seen, look: Look, sample: Sample) -> None:
        known = frozenset(self._stages.wants)
        if self._sequence is None:
            self._sequence = await self._publisher.next_sequence(self.track)
        # Taken whether or not the bus takes the frame: it may have, without our knowing.
        sequence, self._sequence = self._sequence, self._sequence + 1
        frame = await asyncio.to_thread(self._encode, seen.picture, self.demand.width, sequence, sample)
        ticketed = await self._publisher.publish(frame, sample.stages)
        self._history = self._history.after(look, sample, sequence, known, ticketed)
        if sample.unchanged_since is None:
            self._eye.begin_scene(seen)
        if look.asked:
            self._captures.answer(frame.info, seen.shown_at)
        self._failing = False

    def _encode(self, picture: Picture, max_width: int, sequence: int, sample: Sample) -> Frame:
        settings = self._settings
        with ENCODE_SECONDS.time():
            data, width, height = jpeg.encode(
                picture, max_width, settings.jpeg_quality, settings.max_frame_bytes
            )
        return Frame(
            track=self.track,
            sequence=sequence,
            captured_at=picture.captured_at,
            trigger=sample.trigger,
            width=width,
            height=height,
            content_hash=Frame.hash_of(data),
            unchanged_since=sample.unchanged_since,
            data=data,
        )

    def _shed(self, error: Exception) -> None:
        """Frames are not sent again: the next one is newer."""
        SHED.inc()
        self._captures.refuse(CaptureError(f"the frame was not published: {error}"))
        if not self._failing:  # once, not for each of thirty pictures a second
            is_of_bus = isinstance(error, SightlineError)
            (log.debug if is_of_bus else log.warning)("frames_shed", reason=repr(error))
        self._failing = True

    async def _wait(self, version: int, wake_at: float | None) -> None:
        """Until something changed, or the next look is due, or what was seen is."""
        now = self._loop.time()
        # Between looks nobody needs to know that there is a newer picture.
        self._picture_wakes = now >= self._eye.look_at or self._captures.waiting
        times = [self._eye.look_at] if now < self._eye.look_at else []
        times += [wake_at] if wake_at is not None else []
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(min(times, default=None)):
                await self._changes.after(version)
