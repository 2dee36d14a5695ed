"""One client's camera as a track on the bus.

The client decides when a picture is a frame, and why. What it shows is judged as everywhere: a frame
that shows nothing new confirms its scene, and costs no captions.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from sightline.bus import Bus
from sightline.changes import Changes
from sightline.errors import BusError, CaptureError, SightlineError
from sightline.log import get_logger
from sightline.messages import Frame, FrameInfo, Track, Trigger
from sightline.sampling.captures import Captures
from sightline.sampling.metrics import LOOKS, SHED
from sightline.sampling.policy import History, Look, Policy, Sample
from sightline.sampling.publisher import Publisher
from sightline.sampling.scene import Scene, View
from sightline.stages import StageRegistry
from sightline_gateway.session.pictures import Picture
from sightline_gateway.settings import SessionSettings

log = get_logger()

END_SECONDS = 3.0

RETRY_SECONDS = 1.0
"""Until a ticket that the bus did not take is offered again."""

URGENT_SECONDS = 1.0
"""Between frames of the urgent lane that nobody here asked for: a client may call every frame a
``user_request``."""


@dataclass(frozen=True, slots=True)
class ByClient:
    """A pace that is the client's: only what a stage sees again of a scene that stays is ours."""

    refresh_interval: float
    speaking_fps: float = 1.0
    idle_interval: float = 1.0
    scene_gap: float = 0.0


class Published(NamedTuple):
    """What became of a picture.

    Attributes:
        frame: On the bus; None: the bus did not take it, and the next one is newer.
        view: How it compares with the scene before.
    """

    frame: FrameInfo | None
    view: View


class FrameIntake:
    """Publishes the frames of one track, and asks for them.

    Args:
        track: The client's camera.
        bus: Started; it may be away.
        stages: Who wants the frames.
        ask: Asks the client for a frame, for this reason.
    """

    def __init__(
        self,
        track: Track,
        bus: Bus,
        stages: StageRegistry,
        settings: SessionSettings,
        ask: Callable[[Trigger], None],
    ) -> None:
        self.track = track
        self.newest: FrameInfo | None = None
        self._bus, self._stages, self._ask = bus, stages, ask
        self._publisher = Publisher(bus, stages)
        self._policy = Policy(ByClient(settings.refresh_interval))
        self._scene = Scene(settings.still_threshold, settings.scene_threshold)
        self._history = History()
        self._captures = Captures()
        self._sequence: int | None = None
        self._urgent_at = float("-inf")
        self._count, self._last_taken = 0, False
        self._changes = Changes()
        self._loop = asyncio.get_running_loop()

    async def publish(self, picture: Picture, trigger: Trigger, is_same: bool = False) -> Published:
        """Publish a picture that just came. One at a time.

        Args:
            trigger: Why it was taken, as the client says.
            is_same: It is the one before it, byte for byte.
        """
        came_at, captured_at = self._loop.time(), self._bus.now()
        view = View.STILL if is_same and self.newest is not None else self._scene.view(picture.thumbnail)
        LOOKS.labels(view.name.lower()).inc()
        look = Look(
            came_at,
            view,
            asked=self._captures.waiting,
            generation=self._publisher.generation,
            afresh=self._captures.wants_afresh(came_at),
        )
        wants = self._stages.wants
        sample = self._policy.take(self._history, look, wants, self._trigger(trigger, look))
        frame: FrameInfo | None = None
        try:
            frame, ticketed = await self._publish(picture, sample, captured_at)
        except SightlineError as error:
            SHED.inc()
            self._captures.refuse(CaptureError(f"the frame was not published: {error}"))
            log.debug("frames_shed", reason=str(error))
        else:
            self._history = self._history.after(look, sample, frame.sequence, wants, ticketed)
            if sample.unchanged_since is None:
                self._scene.begin(picture.thumbnail)
            self.newest = frame
            self._captures.answer(frame, came_at)
        self._count, self._last_taken = self._count + 1, frame is not None
        self._changes.tell()
        return Published(frame, view)

    async def next(self) -> FrameInfo | None:
        """The next frame that comes, once it is published; None where the bus did not take it."""
        count, version = self._count, self._changes.version
        while self._count == count:
            version = await self._changes.after(version)
        return self.newest if self._last_taken else None

    async def capture(self, deadline: float, if_changed: bool = False) -> FrameInfo:
        """Ask the client for a frame; see ``Sampled``.

        Raises:
            CaptureError: None came in time.
        """
        is_asked = self._captures.waiting
        try:
            with self._captures.ask(self._loop.time(), if_changed) as answer:
                if not answer.done() and not is_asked:
                    self._ask(Trigger.USER_REQUEST)
                async with asyncio.timeout(deadline):
                    return await asyncio.shield(answer)
        except TimeoutError:
            raise CaptureError(f"the client sent no frame within {deadline:g} s") from None

    def speak(self, speaking: bool) -> None:
        """Who speaks changes nothing here: frames come when the client sends them."""

    async def run(self) -> None:
        """Keep what was published worth something, for ever; cancel to stop."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._follow_stages())
            tasks.create_task(self._follow_bus())
            tasks.create_task(self._pay())

    async def end(self) -> None:
        """The track is over: take its frame's place. Bounded; never raises."""
        self._captures.refuse(CaptureError("the client's video is over"))
        if self._sequence is None:
            return
        with contextlib.suppress(SightlineError, TimeoutError):
            async with asyncio.timeout(END_SECONDS):
                await self._publisher.end(self.track, self._sequence)

    def _trigger(self, said: Trigger, look: Look) -> Trigger:
        if said is not Trigger.USER_REQUEST:
            return said
        if not look.is_urgent and (look.asked or look.now < self._urgent_at + URGENT_SECONDS):
            return Trigger.TIMER
        self._urgent_at = look.now
        return said

    async def _publish(
        self, picture: Picture, sample: Sample, captured_at: datetime
    ) -> tuple[FrameInfo, frozenset[str]]:
        """Raises SightlineError: the bus did not take it."""
        if not self._publisher.ready:
            raise BusError(self._bus.problem)
        if self._sequence is None:
            self._sequence = await self._publisher.next_sequence(self.track)
        # Taken whether or not the bus takes the frame: it may have, without our knowing.
        sequence, self._sequence = self._sequence, self._sequence + 1
        frame = Frame(
            track=self.track,
            sequence=sequence,
            captured_at=captured_at,
            trigger=sample.trigger,
            width=picture.width,
            height=picture.height,
            content_type=picture.content_type,
            content_hash=picture.hash,
            unchanged_since=sample.unchanged_since,
            data=picture.data,
        )
        return frame.info, await self._publisher.publish(frame, sample.stages)

    async def _follow_stages(self) -> None:
        version = self._stages.version
        while True:
            version = await self._stages.changed(version)
            self._history = self._history.keeping(self._stages.wants)
            self._changes.tell()

    async def _follow_bus(self) -> None:
        """A bus that comes back may have lost the frame: ask for another."""
        version, generation = self._bus.changes.version, self._bus.generation
        while True:
            version = await self._bus.changes.after(version)
            if self._bus.ready and self._bus.generation != generation:
                generation = self._bus.generation
                self._ask(Trigger.INITIAL)
            self._changes.tell()

    async def _pay(self) -> None:
        """Give stages the tickets that they are owed: a frame came too soon for them, or before them."""
        while True:
            version = self._changes.version
            owed = self._policy.owed(self._history, self._stages.wants) if self._publisher.ready else {}
            now = self._loop.time()
            due = [stage for stage, at in owed.items() if at <= now]
            if due and self.newest is not None:
                offered = await self._publisher.offer(self.newest, due)
                # One that waits may be of a frame that is being looked at: it would not lead to this one.
                self._history = self._history.ticketed(offered.taken, now)
            wake_at = now + RETRY_SECONDS if due else min(owed.values(), default=None)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(wake_at):
                    await self._changes.after(version)
