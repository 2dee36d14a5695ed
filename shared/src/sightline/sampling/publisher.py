"""Frames onto the bus: the frame first, then a ticket for each stage that is to look at it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from sightline import subjects, tracing
from sightline.bus import Bus
from sightline.changes import Changes
from sightline.errors import BusError, DecodeError, SightlineError
from sightline.log import get_logger
from sightline.messages import Caption, Frame, FrameInfo, Lane, Message, Ticket, Track, TrackEnded
from sightline.sampling.metrics import FRAMES, TICKETS
from sightline.stages import StageRegistry

log = get_logger()


class Offered(NamedTuple):
    """What came of tickets, by stage.

    Attributes:
        taken: The bus has it.
        waiting: The bus has an earlier one, which leads to this frame, unless this one came too soon.
    """

    taken: frozenset[str]
    waiting: frozenset[str]


class Publisher:
    """Publishes the frames of any number of tracks."""

    def __init__(self, bus: Bus, stages: StageRegistry) -> None:
        self._bus = bus
        self._stages = stages

    @property
    def ready(self) -> bool:
        """Whether a frame would be taken now."""
        return self._bus.ready

    @property
    def generation(self) -> int:
        """See ``Bus.generation``."""
        return self._bus.generation

    @property
    def changes(self) -> Changes:
        """Tells when ``ready`` or ``generation`` changes."""
        return self._bus.changes

    async def next_sequence(self, track: Track) -> int:
        """The first sequence of a track that nobody has seen yet, whoever published it before.

        Frames and their ends lie in memory and are forgotten early, captions in files.

        Raises:
            BusError: No answer.
        """
        newest = await self._newest((FrameInfo, TrackEnded), subjects.frame(track))
        captions = [
            await self._newest((Caption,), subjects.caption(track, stage)) for stage in self._stages.wants
        ]
        return max(map(_sequence, [newest, *captions])) + 1

    async def publish(self, frame: Frame, stages: Iterable[str]) -> frozenset[str]:
        """Publish a frame, then one ticket for each stage.

        Returns:
            The stages whose ticket the bus has: this one, or an earlier one that leads to this frame.

        Raises:
            SightlineError: The bus did not take the frame. It is not sent again: the next one is newer.
        """
        age = (self._bus.now() - frame.captured_at).total_seconds()
        about: dict[str, str | int] = {
            "frame": frame.id,
            "sequence": frame.sequence,
            "trigger": frame.trigger.value,
        }
        with tracing.span("frame publish", kind="producer", ago=age, about=about):
            await self._store(frame)
            offered = await self.offer(frame, stages)
        return offered.taken | offered.waiting

    async def offer(self, frame: FrameInfo, stages: Iterable[str]) -> Offered:
        """Offer a ticket to each stage, of a track's newest frame, which is published."""
        outcomes = [(stage, await self._offer(frame, stage)) for stage in sorted(stages)]
        return Offered(
            *(frozenset(stage for stage, each in outcomes if each == outcome) for outcome in Offered._fields)
        )

    async def end(self, track: Track, sequence: int) -> None:
        """Nothing of this track is in view any more.

        Raises:
            SightlineError: The bus did not take it.
        """
        await self._bus.publish(TrackEnded(track=track, sequence=sequence))

    async def _store(self, frame: Frame) -> None:
        try:
            await self._bus.publish(frame)
        except SightlineError:
            FRAMES.labels(frame.trigger, "refused").inc()
            raise
        FRAMES.labels(frame.trigger, "published").inc()

    async def _offer(self, frame: FrameInfo, stage: str) -> str:
        ticket = Ticket(stage=stage, lane=Lane.of(frame.trigger), track=frame.track, sequence=frame.sequence)
        try:
            outcome = "taken" if await self._bus.offer(ticket) else "waiting"
        except BusError as error:
            # The next frame offers it again.
            log.debug("ticket_not_taken", stage=stage, reason=str(error))
            outcome = "failed"
        TICKETS.labels(stage, outcome).inc()
        return outcome

    async def _newest(self, types: tuple[type[Message], ...], subject: str) -> Message | None:
        try:
            received = await self._bus.newest(types, subject)
        except DecodeError as error:
            log.warning("message_skipped", subject=subject, reason=str(error))
            return None
        return received.message if received else None


def _sequence(message: Message | None) -> int:
    if isinstance(message, Caption):
        return message.frame.sequence if message.frame else 0
    return message.sequence if isinstance(message, FrameInfo | TrackEnded) else 0
