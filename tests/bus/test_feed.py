"""Feeds: every message once and in order, through restarts, lost streams and slow readers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Literal

import pytest
from nats.aio.client import Client

from sightline import subjects, topology
from sightline.bus import Bus, Received
from sightline.messages import Caption, Frame, FrameInfo, Track, TrackEnded
from support.buses import SECONDS, caption, picture, raw, read, until_back, until_lost
from support.frames import ALICE
from support.nats_server import Server

BOB = Track(room="demo", participant="bob", id="TR_2")
CAPTIONS = subjects.room_captions("demo")
FRAMES = subjects.room_frames("demo")


@asynccontextmanager
async def captions(
    bus: Bus, history: Literal["newest", "all", "new"] = "all", subject: str = CAPTIONS
) -> AsyncIterator[AsyncIterator[Received[Caption]]]:
    """An open feed of captions."""
    feed = bus.feed(topology.CAPTIONS, subject, (Caption,), history=history)
    try:
        yield feed
    finally:
        await feed.aclose()


def sequences(messages: list[Caption]) -> list[int]:
    return [message.frame.sequence for message in messages if message.frame]


async def consumers(client: Client, stream: topology.Stream) -> list[str]:
    return [info.name for info in await client.jetstream().consumers_info(stream.name)]


async def publish(bus: Bus, *numbers: int, track: Track = ALICE) -> None:
    for number in numbers:
        await bus.publish(caption(number, track=track))


async def test_history_all_brings_everything_and_then_what_comes(bus: Bus) -> None:
    await publish(bus, 1, 2, 3)
    async with captions(bus, "all") as feed:
        assert sequences(await read(feed, 3)) == [1, 2, 3]
        await publish(bus, 4)
        assert sequences(await read(feed, 1)) == [4]


async def test_history_newest_brings_the_newest_of_each_subject_and_then_what_comes(bus: Bus) -> None:
    await publish(bus, 1, 2, 3)
    await publish(bus, 11, 12, track=BOB)
    async with captions(bus, "newest") as feed:
        assert sequences(await read(feed, 2)) == [3, 12]
        await publish(bus, 4)
        assert sequences(await read(feed, 1)) == [4]


async def test_history_new_brings_only_what_comes(bus: Bus, nats: Server) -> None:
    await publish(bus, 1, 2, 3)
    async with captions(bus, "new") as feed:
        first = asyncio.create_task(read(feed, 1))
        async with raw(nats.url) as client, asyncio.timeout(SECONDS):
            while not await consumers(client, topology.CAPTIONS):
                pass
        await publish(bus, 4)
        assert sequences(await first) == [4]


async def test_only_the_subjects_asked_for_come(bus: Bus) -> None:
    await publish(bus, 1, track=BOB)
    await publish(bus, 2)
    async with captions(bus, subject=subjects.caption(ALICE, "test")) as feed:
        assert sequences(await read(feed, 1)) == [2]


async def test_two_feeds_of_one_bus_bring_the_same(bus: Bus) -> None:
    async with captions(bus) as one, captions(bus) as other:
        await publish(bus, 1, 2)
        assert sequences(await read(one, 2)) == [1, 2]
        assert sequences(await read(other, 2)) == [1, 2]


async def test_headers_only_leaves_the_pixels_at_the_server(bus: Bus) -> None:
    sent = picture(1, 50_000)
    await bus.publish(sent)
    await bus.publish(TrackEnded(track=BOB, sequence=2))
    feed = bus.feed(topology.FRAMES, FRAMES, (FrameInfo, TrackEnded), headers_only=True)
    info, ended = await read(feed, 2)
    await feed.aclose()
    assert info == sent.info
    assert isinstance(ended, TrackEnded)


async def test_what_does_not_parse_is_skipped_and_the_rest_comes(bus: Bus, nats: Server) -> None:
    async with raw(nats.url) as client:
        for headers in (
            {},
            {"ce-type": "sightline.caption.v1"},
            {"ce-type": "sightline.caption.v1", "ce-id": "x"},
        ):
            await client.jetstream().publish(
                subjects.caption(ALICE, "test"), b"\xff{]", headers=headers or None
            )
    await publish(bus, 1)
    async with captions(bus) as feed:
        assert sequences(await read(feed, 1)) == [1]


async def test_a_message_tells_when_it_was_stored_and_where(bus: Bus) -> None:
    await publish(bus, 1)
    async with captions(bus) as feed, asyncio.timeout(SECONDS):
        received = await anext(feed)
    assert received.subject == subjects.caption(ALICE, "test")
    assert abs((bus.now() - received.at).total_seconds()) < SECONDS


@pytest.mark.faults
async def test_a_feed_of_a_file_stream_goes_on_after_a_restart_where_it_was(nats: Server, bus: Bus) -> None:
    await publish(bus, 1, 2)
    async with captions(bus) as feed:
        assert sequences(await read(feed, 2)) == [1, 2]
        await nats.kill()
        await until_lost(bus)
        await nats.start()
        await until_back(bus)
        await publish(bus, 3, 4)
        assert sequences(await read(feed, 2)) == [3, 4]


@pytest.mark.faults
async def test_a_feed_of_what_is_new_brings_what_came_while_it_was_away(nats: Server, bus: Bus) -> None:
    await publish(bus, 1)
    async with captions(bus, "new") as feed:
        first = asyncio.create_task(read(feed, 1))
        async with raw(nats.url) as client, asyncio.timeout(SECONDS):
            while not await consumers(client, topology.CAPTIONS):
                pass
        await publish(bus, 2)
        assert sequences(await first) == [2]
        await nats.kill()
        await until_lost(bus)
        await nats.start()
        # Before the feed has a consumer again: nobody waits for it here.
        async with raw(nats.url) as client:
            headers, payload = caption(3).to_wire()
            await client.jetstream().publish(subjects.caption(ALICE, "test"), payload, headers=headers)
        assert sequences(await read(feed, 1)) == [3]


@pytest.mark.faults
async def test_a_feed_of_a_memory_stream_begins_anew_after_a_restart(nats: Server, bus: Bus) -> None:
    for number in range(1, 6):
        await bus.publish(picture(number))
    feed = bus.feed(topology.FRAMES, FRAMES, (Frame,))
    assert [frame.sequence for frame in await read(feed, 1)] == [5]
    await nats.kill()
    await until_lost(bus)
    await nats.start()
    await until_back(bus)
    # Sequence 1 of the new stream, where the feed was at 5 of the old one.
    await bus.publish(picture(6))
    assert [frame.sequence for frame in await read(feed, 1)] == [6]
    await feed.aclose()


async def test_a_stream_deleted_under_a_feed_is_made_again_and_the_feed_goes_on(
    bus: Bus, nats: Server
) -> None:
    await publish(bus, 1, 2, 3)
    async with captions(bus) as feed:
        assert sequences(await read(feed, 3)) == [1, 2, 3]
        async with raw(nats.url) as client:
            await client.jetstream().delete_stream(topology.CAPTIONS.name)
        generation = bus.generation
        # Nobody publishes: the feed itself finds that its stream is gone.
        following = asyncio.create_task(read(feed, 1))
        await until_back(bus, generation)
        await publish(bus, 4)
        assert sequences(await following) == [4]


async def test_a_stream_that_another_made_again_is_read_from_its_begin(bus: Bus, nats: Server) -> None:
    await publish(bus, 1, 2, 3)
    async with captions(bus) as feed:
        assert sequences(await read(feed, 3)) == [1, 2, 3]
        async with raw(nats.url) as client:
            config = (await client.jetstream().stream_info(topology.CAPTIONS.name)).config
            await client.jetstream().delete_stream(topology.CAPTIONS.name)
            await client.jetstream().add_stream(config)
        await publish(bus, 4)
        assert sequences(await read(feed, 1)) == [4]


async def test_a_consumer_deleted_under_a_feed_is_replaced_without_a_gap(bus: Bus, nats: Server) -> None:
    await publish(bus, 1)
    async with captions(bus) as feed, raw(nats.url) as client:
        assert sequences(await read(feed, 1)) == [1]
        (name,) = await consumers(client, topology.CAPTIONS)
        await client.jetstream().delete_consumer(topology.CAPTIONS.name, name)
        await publish(bus, 2, 3)
        assert sequences(await read(feed, 2)) == [2, 3]
        assert await consumers(client, topology.CAPTIONS) != [name]


async def test_a_feed_that_ends_leaves_no_consumer(bus: Bus, nats: Server) -> None:
    await publish(bus, 1)
    async with raw(nats.url) as client:
        async with captions(bus) as feed:
            await read(feed, 1)
            assert len(await consumers(client, topology.CAPTIONS)) == 1
        async with asyncio.timeout(SECONDS):
            while await consumers(client, topology.CAPTIONS):
                pass


async def test_a_feed_can_be_cancelled_after_the_bus_closed(bus: Bus) -> None:
    await publish(bus, 1)
    begun = asyncio.Event()

    async def follow() -> None:
        async for _ in bus.feed(topology.CAPTIONS, CAPTIONS, (Caption,), history="all"):
            begun.set()

    task = asyncio.create_task(follow())
    async with asyncio.timeout(SECONDS):
        await begun.wait()
        await bus.close()
        task.cancel()
        await asyncio.wait([task])
    assert task.cancelled()


async def test_a_slow_reader_gets_tens_of_thousands_of_messages_in_order_without_a_gap(
    bus: Bus, nats: Server
) -> None:
    count, per_track = 30_000, 60
    flow: list[str] = []

    async def note(message: object) -> None:
        flow.append(str(message))

    async with raw(nats.url) as client:
        await client.subscribe("$JS.FC.>", cb=note)
        for number in range(count):
            of = Track(room="demo", participant="a", id=str(number // per_track))
            message = caption(number % per_track + 1, "x" * 200, of)
            headers, payload = message.to_wire()
            await client.publish(message.subject, payload, headers=headers)
        await client.flush(timeout=30)
        async with captions(bus) as feed, asyncio.timeout(60):
            for number in range(count):
                received = await anext(feed)
                assert received.message.frame is not None
                assert received.message.frame.sequence == number % per_track + 1
                assert received.subject.split(".")[4] == str(number // per_track)
                if number % 3_000 == 0:
                    await bus.publish(picture(1))  # while we are busy with something else
            await client.flush()
    assert flow  # the server waited for us
