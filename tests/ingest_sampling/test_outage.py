"""A track through the bus's bad hours."""

from __future__ import annotations

import asyncio

import pytest
from prometheus_client import REGISTRY

from sightline import subjects
from sightline.bus import Bus
from sightline.errors import CaptureError
from sightline.messages import Caption, Frame
from sightline.sampling.publisher import Publisher
from sightline_ingest.sampler import TrackSampler
from support.nats_server import Server
from support.pictures import scene
from support.sampling import ALICE, CAPTIONER, EAGER, running, sampling, stages_of, ticket

pytestmark = pytest.mark.faults


def encoded() -> float:
    """Pictures encoded in this process so far."""
    return REGISTRY.get_sample_value("sightline_ingest_encode_seconds_count") or 0.0


async def lost(bus: Bus) -> None:
    """Wait until the bus knows that its server is gone."""
    while bus.ready:
        await bus.changes.after(bus.changes.version)


async def camera(sampler: TrackSampler, bus: Bus) -> None:
    """A still camera, at 100 pictures a second."""
    while True:
        sampler.show(scene(1, bus.now()))
        await asyncio.sleep(0.01)


async def test_after_an_outage_the_first_frame_is_a_fresh_one_with_a_ticket(bus: Bus, nats: Server) -> None:
    async with sampling(bus) as (sampler, frames):
        sampler.show(scene(1, bus.now()))
        before = await frames.next()
        await sampler.settled()  # its ticket is offered: none is on its way when the bus goes
        await nats.kill()
        await lost(bus)
        for _ in range(3):  # during the outage: to be shed, not kept
            sampler.show(scene(2, bus.now()))
            await asyncio.sleep(0)
        away = bus.now()
        await nats.start()
        await bus.wait_ready()
        async with running(camera(sampler, bus)):
            after = await frames.next()
            while (waiting := await ticket(bus)) is None:
                await frames.next()
            found = await bus.newest(Frame, subjects.frame(ALICE))
    assert found is not None, "a ticket leads to a frame"
    newest = found.message
    assert after.captured_at > away
    assert after.sequence > before.sequence
    # The slot keeps the first ticket, where the feed begins with the newest frame: that of the ticket, or a
    # later one that stands for it.
    assert before.sequence < waiting.sequence <= newest.sequence
    assert newest.captured_at > away


async def test_pictures_during_an_outage_are_shed_and_not_kept(bus: Bus, nats: Server) -> None:
    async with sampling(bus) as (sampler, _):
        sampler.show(scene(1, bus.now()))
        await sampler.settled()
        await nats.kill()
        await lost(bus)
        sampler.show(scene(2, bus.now()))
        sampler.show(scene(3, bus.now()))
        assert sampler.demand.interval is not None, "stages are not gone because the bus is"
        before = encoded()
        with pytest.raises(CaptureError):
            await sampler.capture(0.1)
        assert encoded() == before


async def test_after_a_frozen_server_fresh_frames_come_first_and_few_stale_ones(
    bus: Bus, nats: Server
) -> None:
    async with sampling(bus) as (sampler, frames), running(camera(sampler, bus)):
        await frames.next()
        frozen = bus.now()
        nats.pause()
        await lost(bus)
        nats.resume()
        await bus.wait_ready()
        thawed = bus.now()
        stale = []
        while (frame := await frames.next()).captured_at < thawed:
            stale.append(frame.captured_at)
    # One frame was on its way; the others of all that time were never sent.
    assert len([taken_at for taken_at in stale if taken_at > frozen]) <= 2


async def test_a_track_ends_in_bounded_time_while_the_bus_is_away(bus: Bus, nats: Server) -> None:
    async with stages_of(bus, CAPTIONER) as stages:
        sampler = TrackSampler(ALICE, Publisher(bus, stages), stages, EAGER)
        async with running(sampler.run()):
            sampler.show(scene(1, bus.now()))
            await sampler.settled()
        await nats.kill()
        await lost(bus)
        await sampler.end()


async def test_sequences_do_not_go_back_when_memory_was_lost_and_the_source_restarted(
    bus: Bus, nats: Server
) -> None:
    async with sampling(bus) as (sampler, frames):
        sampler.show(scene(1, bus.now()))
        shown = await frames.next()
        for number in range(2, 6):
            sampler.show(scene(number, bus.now()))
            shown = await frames.next()
        caption = Caption(text="a scene", stage="captioner", frame=shown.info)
        await bus.publish(caption)
    await nats.kill()
    await lost(bus)
    await nats.start()
    await bus.wait_ready()
    assert await bus.newest(Frame, subjects.frame(ALICE)) is None, "the memory is gone"
    async with sampling(bus) as (sampler, frames):
        sampler.show(scene(9, bus.now()))
        assert (await frames.next()).sequence == shown.sequence + 1
