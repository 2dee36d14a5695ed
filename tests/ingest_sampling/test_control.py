"""Capture requests and who speaks, over a real bus."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from sightline.bus import Bus
from sightline.errors import BusError
from sightline.messages import CaptureReply, CaptureRequest, Speaking, Track, Trigger
from sightline.sampling.control import Control
from sightline.sampling.publisher import Publisher
from sightline_ingest.sampler import Demand, TrackSampler
from sightline_ingest.settings import SamplingSettings
from support.nats_server import Server
from support.pictures import scene
from support.sampling import ALICE, CAPTIONER, PATIENT, running, sampling, stages_of

SCREEN = Track(room="demo", participant="alice", id="TR_2")
SPEAKING = SamplingSettings()


@asynccontextmanager
async def controlling(bus: Bus, hold: float = 30.0) -> AsyncIterator[Control]:
    control = Control(bus, "demo", hold)
    try:
        yield control
    finally:
        await control.close()


async def ask(bus: Bus, participant: str = "alice", deadline: float = 30.0) -> CaptureReply:
    request = CaptureRequest(room="demo", participant=participant, reason="test", deadline=deadline)
    return await bus.request(request.subject, request, CaptureReply, timeout=30.0)


async def show_when_asked(sampler: TrackSampler, bus: Bus) -> None:
    """A camera that is opened when somebody asks for a picture."""
    demand = sampler.demand
    while True:
        if demand.interval == 0:
            sampler.show(scene(1, bus.now()))
        demand = await sampler.demand_changed(demand)


async def test_a_capture_request_is_answered_with_the_frame(bus: Bus) -> None:
    async with sampling(bus, PATIENT) as (sampler, frames), controlling(bus) as control:
        await control.add("alice", sampler)
        async with running(show_when_asked(sampler, bus)):
            reply = await ask(bus)
        frame = await frames.next()
        assert reply.frames == (frame.info,)
        assert (reply.error, frame.trigger) == ("", Trigger.USER_REQUEST)


async def test_all_tracks_of_the_participant_are_captured(bus: Bus) -> None:
    async with stages_of(bus, CAPTIONER) as stages, controlling(bus) as control:
        samplers = [TrackSampler(track, Publisher(bus, stages), stages, PATIENT) for track in (ALICE, SCREEN)]
        for sampler in samplers:
            await control.add("alice", sampler)
        cameras = [show_when_asked(sampler, bus) for sampler in samplers]
        async with running(*(sampler.run() for sampler in samplers), *cameras):
            reply = await ask(bus)
    assert {frame.track for frame in reply.frames} == {ALICE, SCREEN}


async def test_one_track_without_a_picture_does_not_keep_the_other_from_being_seen(bus: Bus) -> None:
    async with stages_of(bus, CAPTIONER) as stages, controlling(bus) as control:
        samplers = [TrackSampler(track, Publisher(bus, stages), stages, PATIENT) for track in (ALICE, SCREEN)]
        for sampler in samplers:
            await control.add("alice", sampler)
        async with running(*(sampler.run() for sampler in samplers), show_when_asked(samplers[1], bus)):
            reply = await ask(bus, deadline=0.5)
    assert [frame.track for frame in reply.frames] == [SCREEN]
    assert reply.error == ""


async def test_without_a_picture_in_time_the_answer_says_so(bus: Bus) -> None:
    async with sampling(bus, PATIENT) as (sampler, _), controlling(bus) as control:
        await control.add("alice", sampler)
        reply = await ask(bus, deadline=0.01)
        assert reply.frames == ()
        assert reply.error == "no picture of the camera came within 0.01 s"


async def test_nobody_answers_for_those_who_are_not_sampled(bus: Bus) -> None:
    async with sampling(bus, PATIENT) as (sampler, _), controlling(bus) as control:
        await control.add("alice", sampler)
        with pytest.raises(BusError, match="nobody"):
            await ask(bus, "bob")
        await control.remove("alice", sampler)
        await control.remove("alice", sampler)
        with pytest.raises(BusError, match="nobody"):
            await ask(bus, "alice")


async def test_the_bus_says_who_speaks(bus: Bus) -> None:
    async with sampling(bus, SPEAKING) as (sampler, _), controlling(bus) as control:
        await control.add("alice", sampler)
        silent = sampler.demand
        await bus.send(Speaking(room="demo", participant="alice", speaking=True))
        speaking = await sampler.demand_changed(silent)
        assert (silent.interval, speaking.interval) == (3.0, 1.0)
        await bus.send(Speaking(room="demo", participant="alice", speaking=False))
        assert await sampler.demand_changed(speaking) == silent


async def test_the_bus_s_word_is_forgotten_after_a_while(bus: Bus) -> None:
    async with sampling(bus, SPEAKING) as (sampler, _), controlling(bus, hold=0.05) as control:
        await control.add("alice", sampler)
        silent = sampler.demand
        await bus.send(Speaking(room="demo", participant="alice", speaking=True))
        speaking = await sampler.demand_changed(silent)
        assert await sampler.demand_changed(speaking) == silent


async def test_who_speaks_is_what_either_livekit_or_the_bus_says(bus: Bus) -> None:
    async with sampling(bus, SPEAKING) as (sampler, _), controlling(bus) as control:
        await control.add("alice", sampler)
        silent = sampler.demand
        control.speak("alice", True)
        speaking = sampler.demand
        assert speaking == Demand(1.0, 1280)
        await bus.send(Speaking(room="demo", participant="alice", speaking=True))
        await bus.send(Speaking(room="demo", participant="alice", speaking=False))
        await bus.send(Speaking(room="demo", participant="alice", speaking=True))
        asked = await ask(bus, deadline=0.01)
        assert asked.error, "so that what was said before is heard by now"
        control.speak("alice", False)
        assert sampler.demand == speaking, "the bus still says so"
        await bus.send(Speaking(room="demo", participant="alice", speaking=False))
        assert await sampler.demand_changed(speaking) == silent


async def test_a_track_that_comes_later_knows_that_its_participant_speaks(bus: Bus) -> None:
    async with sampling(bus, SPEAKING) as (sampler, _), controlling(bus) as control:
        control.speak("alice", True)
        await control.add("alice", sampler)
        assert sampler.demand.interval == 1.0


@pytest.mark.faults
async def test_participants_added_while_the_bus_is_away_are_served_when_it_is_back(
    bus: Bus, nats: Server
) -> None:
    async with sampling(bus, PATIENT) as (sampler, _), controlling(bus) as control:
        await nats.kill()
        while bus.connected:
            await bus.changes.after(bus.changes.version)
        await control.add("alice", sampler)
        await nats.start()
        await bus.wait_ready()
        while True:
            try:
                reply = await ask(bus, deadline=0.01)
                break
            except BusError:
                continue  # the subscription follows; each attempt is a round trip
    assert "no picture" in reply.error
