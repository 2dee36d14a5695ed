"""What a stage and its model tell of themselves."""

from __future__ import annotations

import asyncio
import contextlib

import pytest
from prometheus_client import REGISTRY

from sightline import topology
from sightline.bus import Bus
from sightline.errors import CredentialError, DeadlineError, RateLimitedError, RetryableError
from sightline.messages import Lane
from sightline.runner import waiting
from sightline_captioner.metrics import asked
from support.stage import STAGE, GatedLooker, Source, captions, replica, track

ROUTINE = {"stage": STAGE, "lane": "routine"}


def value(name: str, **labels: str) -> float | None:
    return REGISTRY.get_sample_value(name, labels)


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (None, "answered"),
        (RateLimitedError("wait", 1.0), "rate_limited"),
        (CredentialError("no"), "key_refused"),
        (DeadlineError("late"), "too_late"),
        (RetryableError("reset"), "failed"),
        (ValueError("a bug"), "failed"),
        (asyncio.CancelledError(), "too_late"),
    ],
)
def test_a_request_to_a_model_is_counted_by_what_came_of_it(
    error: BaseException | None, outcome: str
) -> None:
    def count() -> float:
        return value("sightline_model_seconds_count", backend="openai", outcome=outcome) or 0.0

    before = count()
    expected = pytest.raises(type(error)) if error is not None else contextlib.nullcontext()
    with expected, asked("openai"):
        if error is not None:
            raise error
    assert count() == before + 1


async def test_tracks_that_wait_and_those_in_hand_are_told_and_nothing_is_once_the_replica_is_gone(
    bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "EVERY", 0.05)
    worker, source = GatedLooker(), Source(bus)
    async with replica(worker, bus):
        for number in range(3):
            await source.show(track(number))
        await worker.has_seen(lambda seen: len(seen) == 1)
        async with asyncio.timeout(30):
            while value("sightline_tracks_waiting", **ROUTINE) != 3:  # noqa: ASYNC110 - it has no event
                await asyncio.sleep(0.01)
        assert await bus.lag(topology.lane_queue(STAGE, Lane.ROUTINE)) == (2, 1)
        worker.let(3)
    assert value("sightline_tracks_waiting", **ROUTINE) is None


async def test_how_long_tickets_wait_and_stay_is_measured_for_each(bus: Bus) -> None:
    names = ("sightline_queue_age_seconds_count", "sightline_stage_seconds_count")
    before = [value(name, **ROUTINE) or 0.0 for name in names]
    worker, source = GatedLooker(), Source(bus)
    worker.let(2)
    async with captions(bus) as found, replica(worker, bus):
        for number in range(2):
            await source.show(track(number))
        await found.has(2)
    assert [value(name, **ROUTINE) for name in names] == [count + 2 for count in before]


async def test_frames_and_bytes_are_counted_by_what_they_are(bus: Bus) -> None:
    sent = {"direction": "out", "of": "frames"}
    before = value("sightline_bus_bytes_total", **sent) or 0.0
    frame = await Source(bus).show(track(1))
    assert value("sightline_bus_bytes_total", **sent) == before + len(frame.data)
    came = {"direction": "in", "of": "frames"}
    before = value("sightline_bus_bytes_total", **came) or 0.0
    assert await bus.newest(type(frame), frame.subject)
    assert value("sightline_bus_bytes_total", **came) == before + len(frame.data)
