"""The eyes of an agent in one room: a bus, the vision context that it fills, and what goes out.

Nothing here ever fails a turn: without a bus there is nothing new in view, and ``problem`` says why.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Callable, Coroutine, Iterable
from datetime import UTC, datetime
from typing import Any

from sightline.bus import Bus
from sightline.changes import Changes
from sightline.config import BusSettings, load
from sightline.errors import NotPermittedError, SightlineError, TopologyError
from sightline.log import get_logger
from sightline.messages import FrameInfo, TurnRecord
from sightline_agent.captures import Captures
from sightline_agent.context import VisionContext
from sightline_agent.feed import VisionFeed
from sightline_agent.records import fitting
from sightline_agent.settings import AgentSettings
from sightline_agent.traces import Traces

log = get_logger()

CONNECT_SECONDS = 2.0

MAX_PAUSE = 10.0
"""Seconds, at most, before a bus that was closed for good is opened anew."""


class Eyes:
    """Sees one room, from ``start`` to ``close``.

    Args:
        room: The room's name.
        settings: What is shown, and so what must be followed.
        bus: A started bus of the caller's, who closes it. Without one a bus is opened from the
            ``NATS_*`` settings, and opened anew if it is closed for good.
        requested_by: As of ``VisionFeed``.

    Attributes:
        context: What is known of the room. Lookups are memory only.
        changes: Tells when the context changes, and when the eyes open.
        profile: Of the images that are shown.
        traces: Where what is known came from.
    """

    def __init__(
        self, room: str, settings: AgentSettings, bus: Bus | None = None, requested_by: str = "agent"
    ) -> None:
        self.context = VisionContext(room, settings.max_caption_age)
        self.changes = Changes()
        self.traces = Traces()
        self.profile = settings.image_profile
        self._requested_by = requested_by
        self._follows_images = settings.mode in ("images", "both")
        self._captures = Captures()
        self._given = bus
        self._bus = bus
        self._feed: VisionFeed | None = None
        self._problem = "the eyes were just opened"
        self._running: asyncio.Task[None] | None = None
        self._errands: dict[object, asyncio.Task[Any]] = {}

    def start(self) -> None:
        """Begin to see, in the background. Returns at once; starting twice is once."""
        if self._running is None:
            self._running = asyncio.create_task(self._run(), name="sightline-eyes")

    async def close(self) -> None:
        """Stop. Bounded; never raises."""
        if self._errands:
            # The record of the last turn may just be on its way.
            await asyncio.wait(self._errands.values(), timeout=1.0)
        running, self._running = self._running, None
        tasks = [*self._errands.values(), *([running] if running else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    @property
    def room(self) -> str:
        return self.context.room

    @property
    def bus(self) -> Bus | None:
        """What they see with; None while there is none. It may be away."""
        return self._bus

    @property
    def problem(self) -> str:
        """Why nothing new is seen; empty when all is well."""
        if self._bus is None:
            return self._problem
        return self._bus.problem or self._problem

    def now(self) -> datetime:
        """The bus's clock, also while the bus is away."""
        return self._bus.now() if self._bus is not None else datetime.now(UTC)

    def look(self, participants: Iterable[str], reason: str) -> None:
        """Ask for a fresh frame of each of them, now. Returns at once."""
        for participant in participants:
            name = ("look", participant)
            if self._feed is not None and name not in self._errands:
                self._captures.ask(participant, self.now())
                self._errand(name, self._look(participant, reason))

    def look_again(self, participant: str, reason: str) -> None:
        """Ask for one more frame of somebody, described if the scene changed. Returns at once.

        No turn waits for it, and what ``look`` asked for before is awaited as it was.
        """
        if self._feed is not None:
            looking = self._feed.capture(participant, reason, if_changed=True)
            self._errand(("look again", participant), looking)

    def awaits(self, participant: str, captions: bool = True, images: bool = False) -> bool:
        """Whether what a frame shows that ``look`` asked for will be known in a moment.

        Args:
            captions: Its caption is of interest.
            images: Its image is.
        """

        def is_known(frame: FrameInfo) -> bool:
            described = not captions or self.context.describes(frame)
            return described and (not images or self.context.depicts(frame, self.profile))

        return self._captures.in_flight(participant, self.now(), is_known)

    def describing(self, participant: str) -> float | None:
        """Seconds that the newest caption of somebody's took its stage; None where there is none."""
        captions = [seen for seen in self.context.describe(self.now()) if seen.participant == participant]
        newest = max(captions, key=lambda seen: seen.frame.captured_at, default=None)
        return newest.message.seconds if newest is not None else None

    def just_looked(self, participant: str) -> bool:
        """Whether ``look`` was called for somebody a moment ago."""
        return self._captures.is_new(participant, self.now())

    def captured(self, participant: str) -> bool:
        """Whether the newest ``look`` at somebody was answered with frames."""
        return self._captures.taken(participant)

    async def fetch_images(self, timeout: float) -> None:
        """Get the newest images of what is in view, where images are not followed anyway."""
        if self._follows_images or self._feed is None:
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                await self._feed.fetch_images(self.profile)

    async def capture(self, participant: str, reason: str) -> tuple[FrameInfo, ...]:
        """Ask for a fresh frame of each track of somebody, and wait for these; none where nobody answers."""
        reply = await self._feed.capture(participant, reason) if self._feed is not None else None
        return reply.frames if reply is not None else ()

    def say(self, participant: str, speaking: bool) -> None:
        """Tell the sources that somebody began or stopped to speak. Returns at once."""
        if self._feed is not None:
            self._errand(("say", participant, speaking), self._feed.say(participant, speaking))

    def tell(self, record: TurnRecord) -> None:
        """Publish what a turn was. Returns at once."""
        if self._bus is not None:
            self._errand(object(), _send(self._bus, record))

    async def freshen(self, timeout: float) -> bool:
        """Ask for a fresh frame of everybody in view, and wait until all of these are described.

        Args:
            timeout: Seconds, at most, for all of it.

        Returns:
            Whether they are: False where nobody answers, or a stage is behind.
        """
        feed = self._feed
        if feed is None:
            return False
        try:
            async with asyncio.timeout(timeout):
                asked = (feed.capture(each, "a question") for each in self.context.participants)
                replies = await asyncio.gather(*asked)
        except TimeoutError:
            return False
        frames = [frame for reply in replies if reply is not None for frame in reply.frames]
        return bool(frames) and await self.until(lambda: all(map(self.context.describes, frames)), timeout)

    async def until(self, condition: Callable[[], bool], timeout: float) -> bool:
        """Wait until ``condition`` holds of the context, ``timeout`` seconds at most."""
        try:
            async with asyncio.timeout(timeout):
                while not condition():
                    await self.changes.after(self.changes.version)
        except TimeoutError:
            return False
        return True

    async def _look(self, participant: str, reason: str) -> None:
        frames: tuple[FrameInfo, ...] = ()
        try:
            frames = await self.capture(participant, reason)
        finally:
            self._captures.answer(participant, frames)
            self.changes.tell()

    async def _run(self) -> None:
        pause = 0.5
        while True:
            try:
                await self._see()
            except Exception as error:
                # Whatever it is, the conversation goes on; it sees again when the cause is gone.
                self._problem = _reason(error)
                log.warning("eyes_closed", reason=self._problem)
            if self._given is not None:
                return
            await asyncio.sleep(pause * random.uniform(0.5, 1))
            pause = min(pause * 2, MAX_PAUSE)

    async def _see(self) -> None:
        """Follow the room with one bus, until that is closed for good."""
        bus = self._given or Bus(load(BusSettings), name="agent")
        try:
            if self._given is None:
                await bus.start()
            profile = self.profile if self._follows_images else ""
            feed = VisionFeed(bus, self.context, profile, self._requested_by)
            feed.changes, feed.traces = self.changes, self.traces
            self._bus, self._feed, self._problem = bus, feed, ""
            self.changes.tell()
            await _connected(bus)
            await feed.run()
        finally:
            self._feed = None
            if self._given is None:
                await bus.close()

    def _errand(self, name: object, work: Coroutine[Any, Any, Any]) -> None:
        """Run in the background, unless the same is still running."""
        if name in self._errands:
            work.close()
            return
        task = asyncio.create_task(work)
        self._errands[name] = task
        task.add_done_callback(lambda _: self._errands.pop(name, None))


async def _connected(bus: Bus) -> None:
    """Give the bus a moment: a feed that begins before it is there pauses before it tries again."""
    with contextlib.suppress(TimeoutError, TopologyError, NotPermittedError):
        async with asyncio.timeout(CONNECT_SECONDS):
            await bus.wait_ready()


async def _send(bus: Bus, record: TurnRecord) -> None:
    try:
        await bus.send(fitting(record))
    except SightlineError as error:
        log.debug("turn_not_recorded", reason=str(error))


def _reason(error: BaseException) -> str:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return str(error) or type(error).__name__
