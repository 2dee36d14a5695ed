"""Tickets under five times more frames than the workers can do, by count instead of by clock.

A worker is let through one frame for every five that are published, however fast the machine is.
"""

from __future__ import annotations

from collections import Counter
from itertools import cycle, islice

from sightline.bus import Bus
from sightline.messages import Caption, Frame, Track, Trigger
from support.stage import GatedLooker, Looker, Source, Stored, captions, replica, track

TRACKS = [track(number) for number in range(50)]
OVERLOAD = 5
SLOTS = 10
ROUNDS = 500


def jain(counts: list[int]) -> float:
    """Jain's index: 1 is equal shares, 1/n is one taking all."""
    return sum(counts) ** 2 / (len(counts) * sum(count * count for count in counts))


def per_track(found: Stored) -> Counter[str]:
    return Counter(caption.frame.track.id for caption in found.messages)


async def overload(source: Source, worker: GatedLooker, found: Stored, greedy: Track | None = None) -> None:
    """Publish five frames for each that is let through; the greedy track as much again as all others."""
    order = cycle(TRACKS)
    for done in range(1, ROUNDS + 1):
        for shown in islice(order, OVERLOAD):
            await source.show(shown)
            if greedy is not None:
                await source.show(greedy)
        worker.let()
        await found.has(done)


async def test_no_track_starves_under_five_times_overload(bus: Bus) -> None:
    worker, source = GatedLooker(SLOTS), Source(bus)
    async with replica(worker, bus), captions(bus) as found:
        await overload(source, worker, found)
    shares = per_track(found)
    assert len(shares) == len(TRACKS)
    assert jain(list(shares.values())) >= 0.99


async def test_a_track_that_publishes_many_times_faster_gains_nothing(bus: Bus) -> None:
    worker, source = GatedLooker(SLOTS), Source(bus)
    greedy = TRACKS[7]
    async with replica(worker, bus), captions(bus) as found:
        await overload(source, worker, found, greedy)
    shares = per_track(found)
    assert source.newest[greedy.id] > 10 * source.newest[TRACKS[8].id]
    assert shares[greedy.id] <= max(shares[other.id] for other in TRACKS if other is not greedy) + 1
    assert jain(list(shares.values())) >= 0.99


async def test_a_worker_gets_the_newest_frame_of_a_track_not_the_one_of_its_ticket(bus: Bus) -> None:
    worker, source = GatedLooker(1), Source(bus)
    async with replica(worker, bus), captions(bus) as found:
        await source.show(TRACKS[0])
        await worker.has_seen(lambda seen: len(seen) == 1)
        for _ in range(5):
            await source.show(TRACKS[1])
        worker.let(2)
        texts = [caption.text for caption in await found.has(2)]
    assert texts == ["frame 1", "frame 5"]


async def test_a_newer_frame_that_found_the_slot_taken_is_served_after_the_ack(bus: Bus) -> None:
    worker, source = GatedLooker(1), Source(bus)
    async with replica(worker, bus), captions(bus) as found:
        await source.show(TRACKS[0])
        await worker.has_seen(lambda seen: len(seen) == 1)
        await source.show(TRACKS[0])
        await source.show(TRACKS[0])
        worker.let(2)
        texts = [caption.text for caption in await found.has(2)]
    assert texts == ["frame 1", "frame 3"]


async def test_no_frame_is_captioned_twice_and_one_worker_has_a_track_at_a_time(bus: Bus) -> None:
    in_hand: Counter[str] = Counter()
    most = 0

    class Watched(GatedLooker):
        async def process(self, frame) -> Caption | None:  # type: ignore[no-untyped-def]
            nonlocal most
            in_hand[frame.track.id] += 1
            most = max(most, in_hand[frame.track.id])
            try:
                return await super().process(frame)
            finally:
                in_hand[frame.track.id] -= 1

    worker, source = Watched(SLOTS), Source(bus)
    async with replica(worker, bus), captions(bus) as found:
        await overload(source, worker, found)
    assert most == 1
    assert max(Counter(frame.id for frame in worker.seen).values()) == 1
    assert max(Counter(caption.frame.id for caption in found.messages).values()) == 1


async def test_an_urgent_ticket_is_taken_next_while_the_routine_lane_is_overloaded(bus: Bus) -> None:
    worker, source = GatedLooker(SLOTS), Source(bus)
    async with replica(worker, bus), captions(bus) as found:
        for shown in TRACKS:
            await source.show(shown)
        await worker.has_seen(lambda seen: len(seen) == SLOTS)
        # Every routine slot is stuck, 40 tracks wait, and none is let through.
        for shown in (TRACKS[49], TRACKS[0], TRACKS[30]):
            asked = await source.show(shown, trigger=Trigger.USER_REQUEST)
            await worker.has_seen(lambda seen, asked=asked: seen[-1].id == asked.id)
        requested = [caption.frame.trigger for caption in await found.has(3)]
        assert requested == [Trigger.USER_REQUEST] * 3
        worker.let(len(TRACKS) * 2)


async def test_several_who_wait_are_served_at_once(bus: Bus) -> None:
    class Slow(Looker):
        """Holds every frame until there are as many as it has slots."""

        async def until_let(self, frame: Frame) -> None:
            await self.has_seen(lambda seen: len(seen) >= SLOTS)

    worker, source = Slow(SLOTS), Source(bus)
    async with replica(worker, bus), captions(bus) as found:
        for shown in TRACKS[:SLOTS]:
            await source.show(shown, trigger=Trigger.USER_REQUEST)
        await found.has(SLOTS)
    assert len(per_track(found)) == SLOTS
