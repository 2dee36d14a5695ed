"""Storing and finding messages: sizes, slots, and what the connection survives."""

from __future__ import annotations

import pytest

from sightline import subjects, topology
from sightline.bus import Bus
from sightline.bus.connection import MAX_SUBJECT, wire_size
from sightline.config import BusSettings
from sightline.errors import BusClosedError, BusError, DecodeError, TooLargeError
from sightline.messages import Caption, Frame, FrameInfo, Lane, Message, Speaking, Track, TrackEnded
from support.buses import caption, fails_at_once, picture, pulling, raw, take, ticket
from support.frames import ALICE
from support.nats_server import Server

MAX_PAYLOAD = 1024 * 1024

STRANGE_NAMES = [
    "a.b.c",
    "*",
    ">",
    "a b",
    "tab\tname",
    "nul\0",
    "line\nbreak",
    "ｗｉｄｅ",
    "wide",
    "%41",
    "~a~",
    "x" * 5_000,
]


class Anywhere(Message):
    """A message for any subject."""

    TYPE = "test.anywhere.v1"
    to: str

    @property
    def subject(self) -> str:
        return self.to


def sized(total: int) -> Frame:
    """A frame that takes this many bytes on the wire, headers included."""
    small = picture(1, 1)
    return picture(1, 1 + total - wire_size(*small.to_wire()))


async def test_the_newest_message_of_a_subject_is_found(bus: Bus) -> None:
    await bus.publish(picture(1))
    await bus.publish(picture(2))
    found = await bus.newest(Frame, subjects.frame(ALICE))
    assert found is not None
    assert found.message == picture(2).model_copy(update={"id": found.message.id})
    assert found.subject == subjects.frame(ALICE)
    assert abs((bus.now() - found.at).total_seconds()) < 30


async def test_nothing_is_newest_where_nothing_was_published(bus: Bus) -> None:
    assert await bus.newest(Frame, subjects.frame(ALICE)) is None


async def test_a_message_without_payload_is_found_and_told_apart_by_its_type(bus: Bus) -> None:
    await bus.publish(TrackEnded(track=ALICE, sequence=3))
    found = await bus.newest((FrameInfo, TrackEnded), subjects.frame(ALICE))
    assert found is not None
    assert isinstance(found.message, TrackEnded)


async def test_a_newest_message_of_another_type_is_a_decode_error(bus: Bus) -> None:
    await bus.publish(picture(1))
    with pytest.raises(DecodeError, match=r"expected sightline\.track_ended\.v1"):
        await bus.newest(TrackEnded, subjects.frame(ALICE))


async def test_the_same_message_id_is_stored_once(bus: Bus) -> None:
    for _ in range(3):
        await bus.publish(caption(1), message_id="once")
    feed = bus.feed(topology.CAPTIONS, subjects.room_captions("demo"), (Caption,), history="all")
    await bus.publish(caption(2), message_id="twice")
    sequences = [(await anext(feed)).message.frame.sequence for _ in range(2)]  # type: ignore[union-attr]
    await feed.aclose()
    assert sequences == [1, 2]


async def test_a_frame_of_6_mb_is_refused_here_and_the_connection_lives(bus: Bus) -> None:
    fails_at_once(bus.publish(picture(1, 6_000_000)), TooLargeError, r"6,000,\d+ bytes.*takes 1,048,576")
    await bus.publish(picture(2))
    assert bus.ready


async def test_a_frame_of_exactly_the_limit_goes_and_one_byte_of_headers_more_does_not(bus: Bus) -> None:
    await bus.publish(sized(MAX_PAYLOAD))
    fails_at_once(bus.publish(sized(MAX_PAYLOAD + 1)), TooLargeError, "1,048,577 bytes")
    # The payload alone is within the limit of nats-py, which would send it, and be closed for good.
    fails_at_once(bus.publish(picture(1, MAX_PAYLOAD)), TooLargeError, "max_payload")
    await bus.publish(picture(2))


async def test_what_only_the_stream_finds_too_large_is_refused(bus: Bus, nats: Server) -> None:
    async with raw(nats.url) as client:
        await client.jetstream().delete_stream(topology.CAPTIONS.name)
        await client.jetstream().add_stream(
            name=topology.CAPTIONS.name, subjects=list(topology.CAPTIONS.subjects), max_msg_size=1000
        )
        with pytest.raises(TooLargeError, match="exceeds"):
            await bus.publish(caption(1, "a" * 5_000))
        await bus.publish(picture(1))


@pytest.mark.parametrize("character", ["s", "ß"])
async def test_a_subject_that_is_too_long_is_refused_here_and_the_connection_lives(
    bus: Bus, character: str
) -> None:
    message = Anywhere(to="sightline.captions." + character * MAX_SUBJECT)
    fails_at_once(bus.publish(message), TooLargeError, r"a subject of [3-6],0\d\d bytes; at most 3,000")
    await bus.publish(picture(1))


async def test_strange_names_become_subjects_of_their_own_and_come_back_as_they_are(bus: Bus) -> None:
    tracks = [Track(room=name, participant=name, id=name) for name in STRANGE_NAMES]
    for track in tracks:
        await bus.publish(picture(1, track=track))
    found = [await bus.newest(Frame, subjects.frame(track)) for track in tracks]
    assert [received.message.track for received in found if received] == tracks


async def test_names_of_20_kb_of_headers_each_still_fit(bus: Bus) -> None:
    name = "Ж" * 3_300  # six bytes each in a header
    track = Track(room=name, participant=name, id=name)
    await bus.publish(picture(1, track=track))
    found = await bus.newest(Frame, subjects.frame(track))
    assert found is not None
    assert found.message.track == track


async def test_a_slot_that_is_taken_is_no_error_and_free_again_at_once_after_done(bus: Bus) -> None:
    assert await bus.offer(ticket(1))
    assert not await bus.offer(ticket(2))
    async with pulling(bus.queue(topology.lane_queue("test", Lane.ROUTINE))) as queue:
        for _ in range(20):
            taken = await take(queue)
            assert not await bus.offer(ticket(3))
            await taken.done()
            assert await bus.offer(ticket(4))


async def test_a_full_stream_is_an_error_and_no_taken_slot(bus: Bus, nats: Server) -> None:
    async with raw(nats.url) as client:
        await client.jetstream().delete_stream(topology.WORK.name)
        await client.jetstream().add_stream(
            name=topology.WORK.name, subjects=list(topology.WORK.subjects), max_bytes=10, discard="new"
        )
        with pytest.raises(BusError, match="maximum bytes"):
            await bus.offer(ticket(1))


async def test_a_closed_bus_says_so_and_drops_what_is_only_told(nats: Server) -> None:
    bus = Bus(BusSettings(url=nats.url), name="test")
    await bus.start()
    await bus.wait_ready()
    await bus.close()
    fails_at_once(bus.publish(picture(1)), BusClosedError, "closed")
    await bus.send(Speaking(room="demo", participant="alice", speaking=True))
    with pytest.raises(BusClosedError):
        await bus.wait_ready()
