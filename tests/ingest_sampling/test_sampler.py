"""Pictures in, frames on a real bus out."""

from __future__ import annotations

import asyncio
import gc
import weakref
from datetime import timedelta

import numpy as np
import pytest

from sightline import imaging
from sightline.bus import Bus
from sightline.errors import CaptureError
from sightline.messages import Frame, FrameInfo, Lane, Trigger
from sightline.sampling.publisher import Publisher
from sightline.stages import StageEntry, announce
from sightline.worker import StageWants
from sightline_ingest.picture import Picture
from sightline_ingest.sampler import Demand, TrackSampler
from sightline_ingest.settings import SamplingSettings
from support.pictures import picture, scene, texture
from support.sampling import (
    ALICE,
    CAPTIONER,
    EAGER,
    PATIENT,
    Frames,
    running,
    sampling,
    serve_ticket,
    stages_of,
    ticket,
)


async def test_the_first_picture_becomes_a_frame_with_a_ticket(bus: Bus) -> None:
    async with sampling(bus, PATIENT) as (sampler, frames):
        taken_at = bus.now()
        sampler.show(scene(1, taken_at))
        frame = await frames.next()
        given = await serve_ticket(bus)
    assert (frame.track, frame.sequence, frame.trigger) == (ALICE, 1, Trigger.INITIAL)
    assert (frame.width, frame.height, frame.captured_at) == (640, 360, taken_at)
    assert frame.unchanged_since is None
    assert frame.content_hash == Frame.hash_of(frame.data)
    assert (given.track, given.sequence, given.lane) == (ALICE, 1, Lane.ROUTINE)
    shown = (texture(1).astype(float) - 16) * 255 / 219
    assert np.abs(frame.pixels.mean(axis=2) - shown).mean() < 3


async def test_without_a_stage_nothing_is_encoded_until_the_first_one_comes(bus: Bus) -> None:
    async with sampling(bus, EAGER, entries=()) as (sampler, frames):
        nothing = sampler.demand
        assert nothing == Demand(None, 0)
        sampler.show(scene(1, bus.now()))
        with pytest.raises(CaptureError, match="no stage runs"):
            await sampler.capture(5.0)
        async with running(announce(bus, CAPTIONER)):
            assert await sampler.demand_changed(nothing) == Demand(0.02, 1280)
            assert (await frames.next()).trigger is Trigger.INITIAL


async def test_pictures_are_no_wider_than_the_widest_stage_wants(bus: Bus) -> None:
    narrow = StageEntry(stage="thumbs", wants=StageWants(max_width=160))
    wider = StageEntry(stage="reader", wants=StageWants(max_width=320))
    async with sampling(bus, EAGER, entries=(narrow, wider)) as (sampler, frames):
        assert sampler.demand.width == 320
        sampler.show(scene(1, bus.now()))
        frame = await frames.next()
    assert (frame.width, frame.height) == (320, 180)
    assert imaging.check(frame.data)[1:] == (320, 180)


async def test_a_still_scene_makes_frames_but_no_tickets(bus: Bus) -> None:
    async with sampling(bus) as (sampler, frames):
        sampler.show(scene(1, bus.now()))
        await frames.next()
        await serve_ticket(bus)
        for sequence in range(2, 6):
            sampler.show(scene(1, bus.now()))
            frame = await frames.next()
            assert (frame.sequence, frame.trigger, frame.unchanged_since) == (sequence, Trigger.TIMER, 1)
            # The tickets of the frame before have been offered by now.
            assert await ticket(bus) is None


async def test_a_change_of_scene_is_sampled_at_once_with_a_ticket(bus: Bus) -> None:
    async with sampling(bus, PATIENT) as (sampler, frames):
        sampler.show(scene(1, bus.now()))
        await frames.next()
        await serve_ticket(bus)
        sampler.show(scene(1, bus.now()))
        await sampler.settled()
        sampler.show(scene(2, bus.now()))
        frame = await frames.next()
        assert (frame.sequence, frame.trigger, frame.unchanged_since) == (2, Trigger.SCENE_CHANGE, None)
        assert (await serve_ticket(bus)).sequence == 2


async def test_a_capture_request_gets_a_frame_of_now_in_the_urgent_lane(bus: Bus) -> None:
    async with sampling(bus, PATIENT) as (sampler, frames):
        sampler.show(scene(1, bus.now()))
        await frames.next()
        calm = sampler.demand
        asking = asyncio.create_task(sampler.capture(30.0))
        wanted = await sampler.demand_changed(calm)
        assert wanted.interval == 0
        sampler.show(scene(1, bus.now()))
        captured = await asking
        frame = await frames.next()
        assert captured == frame.info
        assert (frame.sequence, frame.trigger, frame.unchanged_since) == (2, Trigger.USER_REQUEST, 1)
        assert (await serve_ticket(bus, lane=Lane.URGENT)).sequence == 2
        assert await sampler.demand_changed(wanted) == calm


async def look_again(sampler: TrackSampler, picture: Picture) -> FrameInfo:
    """Ask for a frame that is described if the scene changed; this picture comes then."""
    asking = asyncio.create_task(sampler.capture(30.0, if_changed=True))
    await sampler.demand_changed(sampler.demand)
    sampler.show(picture)
    return await asking


async def test_a_look_again_is_answered_with_a_frame_that_confirms_the_scene(bus: Bus) -> None:
    async with sampling(bus, PATIENT) as (sampler, frames):
        sampler.show(scene(1, bus.now()))
        await frames.next()
        captured = await look_again(sampler, scene(1, bus.now()))
        assert captured == (await frames.next()).info
        assert (captured.sequence, captured.unchanged_since) == (2, 1)
        assert await ticket(bus, Lane.URGENT) is None


async def test_a_look_again_at_another_scene_is_urgent(bus: Bus) -> None:
    async with sampling(bus, PATIENT) as (sampler, frames):
        sampler.show(scene(1, bus.now()))
        await frames.next()
        captured = await look_again(sampler, scene(2, bus.now()))
        assert captured.trigger is Trigger.USER_REQUEST
        assert (await serve_ticket(bus, lane=Lane.URGENT)).sequence == 2


async def test_whoever_wants_it_described_gets_it_described_for_all_who_ask(bus: Bus) -> None:
    async with sampling(bus, PATIENT) as (sampler, frames):
        sampler.show(scene(1, bus.now()))
        await frames.next()
        asking = [asyncio.create_task(sampler.capture(30.0, if_changed=each)) for each in (True, False, True)]
        await sampler.demand_changed(sampler.demand)
        await asyncio.sleep(0)  # all of them have asked
        sampler.show(scene(1, bus.now()))
        assert {each.trigger for each in await asyncio.gather(*asking)} == {Trigger.USER_REQUEST}
        assert (await serve_ticket(bus, lane=Lane.URGENT)).sequence == 2


async def test_those_who_ask_together_share_one_frame(bus: Bus) -> None:
    async with sampling(bus, PATIENT) as (sampler, frames):
        sampler.show(scene(1, bus.now()))
        await frames.next()
        asking = [asyncio.create_task(sampler.capture(30.0)) for _ in range(5)]
        await sampler.demand_changed(sampler.demand)
        sampler.show(scene(1, bus.now()))
        captured = await asyncio.gather(*asking)
        assert {frame.sequence for frame in captured} == {2}
        await frames.next()
        assert frames.seen() == []


async def test_a_capture_without_a_picture_in_time_is_an_error(bus: Bus) -> None:
    async with sampling(bus, PATIENT) as (sampler, frames):
        with pytest.raises(CaptureError, match=r"no picture of the camera came within 0\.01 s"):
            await sampler.capture(0.01)
        calm = sampler.demand
        assert calm.interval == 30, "nobody waits any more"
        sampler.show(scene(1, bus.now()))
        assert (await frames.next()).trigger is Trigger.INITIAL


async def test_whoever_waits_for_a_track_that_ends_is_told(bus: Bus) -> None:
    async with sampling(bus, PATIENT) as (sampler, _):
        calm = sampler.demand
        asking = asyncio.create_task(sampler.capture(30.0))
        await sampler.demand_changed(calm)
        await sampler.end()
        with pytest.raises(CaptureError, match="the camera is over"):
            await asking


async def test_speaking_raises_the_demand(bus: Bus) -> None:
    settings = SamplingSettings()
    async with sampling(bus, settings) as (sampler, _):
        silent = sampler.demand
        assert silent.interval == 3.0
        sampler.speak(True)
        speaking = await sampler.demand_changed(silent)
        assert speaking.interval == 1.0
        sampler.speak(False)
        assert await sampler.demand_changed(speaking) == silent


async def test_of_many_pictures_only_the_newest_is_kept_and_sampled(bus: Bus) -> None:
    async with sampling(bus, PATIENT) as (sampler, frames):
        planes = []
        began = bus.now()
        for number in range(500):
            shown = scene(number % 7, began + timedelta(milliseconds=number))
            planes.append(weakref.ref(shown.y))
            sampler.show(shown)
            del shown
            assert sum(plane() is not None for plane in planes) <= 1
        frame = await frames.next()
        assert frame.captured_at == began + timedelta(milliseconds=499)
        assert frames.seen() == []


async def test_when_a_frame_is_due_it_is_the_newest_picture_looked_at_or_not(bus: Bus) -> None:
    seldom = SamplingSettings(idle_interval=2.0, look_interval=1.2)
    async with sampling(bus, seldom) as (sampler, frames):
        sampler.show(scene(1, bus.now()))
        await frames.next()
        sampler.show(scene(1, bus.now()))
        await sampler.settled()  # looked at after 1.2 s, and due after 2
        newest = bus.now()
        sampler.show(scene(1, newest))
        assert (await frames.next()).captured_at == newest


async def test_while_a_frame_is_made_one_picture_waits_and_no_more(bus: Bus) -> None:
    async with sampling(bus) as (sampler, frames):
        planes = []
        for number in range(300):
            shown = scene(number % 7, bus.now())
            planes.append(weakref.ref(shown.y))
            sampler.show(shown)
            del shown
            await asyncio.sleep(0)
            gc.collect(0)
            # One shown, one looked at, one being encoded.
            assert sum(plane() is not None for plane in planes) <= 3
        await sampler.settled()
        assert frames.seen() != []


async def test_a_picture_that_nobody_can_encode_does_not_end_the_track(bus: Bus) -> None:
    async with sampling(bus) as (sampler, frames):
        good = scene(1, bus.now())
        for bad in (Picture(good.y, good.u[:5], good.v, bus.now()), picture(good.y[:0], bus.now())):
            sampler.show(bad)
            await sampler.settled()
        sampler.show(good)
        assert (await frames.next()).trigger is Trigger.INITIAL


async def test_a_track_that_ends_is_replaced_by_its_end(bus: Bus) -> None:
    async with stages_of(bus, CAPTIONER) as stages, Frames.of(bus) as frames:
        sampler = TrackSampler(ALICE, Publisher(bus, stages), stages, EAGER)
        async with running(sampler.run()):
            sampler.show(scene(1, bus.now()))
            await frames.next()
        await sampler.end()
        assert (await frames.ended()).sequence == 2


async def test_a_track_that_showed_nothing_ends_without_a_word(bus: Bus) -> None:
    async with stages_of(bus, CAPTIONER) as stages, Frames.of(bus) as frames:
        await TrackSampler(ALICE, Publisher(bus, stages), stages, EAGER).end()
        assert frames.seen() == []
        assert await ticket(bus) is None


async def test_the_sequence_goes_on_where_another_source_stopped(bus: Bus) -> None:
    for first in (1, 4, 7):
        async with stages_of(bus, CAPTIONER) as stages, Frames.of(bus) as frames:
            sampler = TrackSampler(ALICE, Publisher(bus, stages), stages, EAGER)
            async with running(sampler.run()):
                sampler.show(scene(1, bus.now()))
                assert (await frames.until(first)).trigger is Trigger.INITIAL
                sampler.show(picture(texture(2), bus.now()))
                await frames.until(first + 1)
            await sampler.end()
            assert (await frames.ended()).sequence == first + 2
