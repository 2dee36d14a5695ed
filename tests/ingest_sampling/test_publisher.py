"""Frames and tickets on the bus."""

from __future__ import annotations

from datetime import UTC, datetime

from sightline import subjects
from sightline.bus import Bus
from sightline.messages import Frame, FrameInfo, Lane, TrackEnded, Trigger
from sightline.sampling.publisher import Publisher
from support.sampling import ALICE, CAPTIONER, stages_of, ticket


def frame(sequence: int, trigger: Trigger = Trigger.TIMER) -> Frame:
    """A frame of alice; nobody decodes it here."""
    return Frame(
        track=ALICE,
        sequence=sequence,
        captured_at=datetime.now(UTC),
        trigger=trigger,
        width=2,
        height=2,
        data=b"jpeg",
    )


async def test_a_second_ticket_for_a_track_is_refused_and_that_is_no_error(bus: Bus) -> None:
    async with stages_of(bus, CAPTIONER) as stages:
        publisher = Publisher(bus, stages)
        for sequence in (1, 2, 2):
            served = await publisher.publish(frame(sequence), ["captioner"])
            assert served == {"captioner"}, "the ticket from before leads to this frame, too"
        waiting = await ticket(bus)
        assert waiting is not None
        assert waiting.sequence == 1
        newest = await bus.newest(FrameInfo, subjects.frame(ALICE))
        assert newest is not None
        assert newest.message.sequence == 2


async def test_an_urgent_ticket_does_not_wait_behind_a_routine_one(bus: Bus) -> None:
    async with stages_of(bus, CAPTIONER) as stages:
        publisher = Publisher(bus, stages)
        await publisher.publish(frame(1), ["captioner"])
        await publisher.publish(frame(2, Trigger.USER_REQUEST), ["captioner"])
        urgent = await ticket(bus, Lane.URGENT)
        assert urgent is not None
        assert urgent.sequence == 2


async def test_stages_that_are_not_named_get_no_ticket(bus: Bus) -> None:
    async with stages_of(bus, CAPTIONER) as stages:
        assert await Publisher(bus, stages).publish(frame(1), []) == frozenset()
        assert await ticket(bus) is None


async def test_the_first_sequence_of_all_is_one_and_an_end_counts(bus: Bus) -> None:
    async with stages_of(bus) as stages:
        publisher = Publisher(bus, stages)
        assert await publisher.next_sequence(ALICE) == 1
        await publisher.publish(frame(41), [])
        assert await publisher.next_sequence(ALICE) == 42
        await publisher.end(ALICE, 42)
        newest = await bus.newest(TrackEnded, subjects.frame(ALICE))
        assert newest is not None
        assert newest.message.track == ALICE
        assert await publisher.next_sequence(ALICE) == 43
