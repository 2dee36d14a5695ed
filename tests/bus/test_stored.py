"""Reading what a stream holds, once, to its end."""

from __future__ import annotations

import asyncio

import pytest

from sightline import subjects, topology
from sightline.bus import Bus
from sightline.config import BusSettings
from sightline.errors import BusError
from sightline.messages import Caption, Frame, FrameInfo, TrackEnded
from support.nats_server import Server
from support.sights import ALICE, BOB, caption, ended, frame

ROOM = subjects.room_captions("demo")


async def texts(bus: Bus, subject: str = ROOM, **options: object) -> list[str]:
    stored = bus.stored(topology.CAPTIONS, subject, (Caption,), **options)  # type: ignore[arg-type]
    return [received.message.text async for received in stored]


async def test_everything_that_is_stored_is_read_oldest_first_and_then_it_ends(bus: Bus) -> None:
    for number in range(1, 151):
        track = ALICE if number % 2 else BOB
        await bus.publish(caption(frame(number, bus.now(), track), f"scene {number}"))
    # Of each track the newest 64 are kept.
    assert await texts(bus) == [f"scene {number}" for number in range(23, 151)]


async def test_nothing_stored_is_nothing_read(bus: Bus) -> None:
    assert await texts(bus) == []


async def test_only_the_subjects_that_were_asked_for_are_read(bus: Bus) -> None:
    other = ALICE.model_copy(update={"room": "elsewhere"})
    await bus.publish(caption(frame(1, bus.now(), other), "not here"))
    await bus.publish(caption(frame(2, bus.now()), "here"))
    assert await texts(bus) == ["here"]


async def test_what_was_stored_before_the_time_that_was_given_is_left_out(bus: Bus) -> None:
    await bus.publish(caption(1, "before"))
    stored = await bus.newest(Caption, subjects.caption(ALICE, "captioner"))
    assert stored is not None
    await bus.publish(caption(2, "after"))
    [after] = [text for text in await texts(bus, since=stored.at) if text != "before"]
    assert after == "after"
    newest = await bus.newest(Caption, subjects.caption(ALICE, "captioner"))
    assert newest is not None
    assert await texts(bus, since=newest.at) == ["after"]


async def test_frames_can_be_read_without_their_pixels(bus: Bus) -> None:
    room, pixels = subjects.room_frames("demo"), b"x" * 1000
    one, over = Frame(**frame(1, bus.now()).model_dump(), data=pixels), ended(2, BOB)
    await bus.publish(one)
    await bus.publish(over)
    stored = bus.stored(topology.FRAMES, room, (FrameInfo, TrackEnded), headers_only=True)
    assert [received.message async for received in stored] == [one.info, over]
    whole = bus.stored(topology.FRAMES, room, (Frame, TrackEnded))
    assert [received.message async for received in whole] == [one, over]


async def test_a_reader_that_stops_half_way_leaves_nothing_behind(bus: Bus) -> None:
    for number in range(1, 11):
        await bus.publish(caption(number))
    reader = bus.stored(topology.CAPTIONS, ROOM, (Caption,))
    assert (await anext(reader)).message.text == "what frame 1 shows"
    await reader.aclose()
    assert len(await texts(bus)) == 10


@pytest.mark.faults
async def test_with_the_bus_away_it_raises_and_does_not_wait(nats: Server) -> None:
    async with Bus.open(BusSettings(url=nats.url), name="test") as bus:
        await bus.publish(caption(1))
        await nats.stop()
        async with asyncio.timeout(10):
            while bus.connected:
                await bus.changes.after(bus.changes.version)
        with pytest.raises(BusError):
            await texts(bus)
