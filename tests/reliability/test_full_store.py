"""The disk of NATS is full: what is stored there waits, everything else goes on, and somebody is told."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from prometheus_client import REGISTRY

from sightline import subjects, topology
from sightline.bus import Bus
from sightline.config import BusSettings
from sightline.embedded import NatsServer
from sightline.errors import StoreFullError
from sightline.health import Health
from sightline.messages import EncodedImage, Frame, Track
from sightline.metrics import TICKETS
from support.agents import now_shows
from support.buses import caption, raw
from support.frames import ALICE
from support.model_servers import OpenAIServer
from support.sessions import talking
from support.stage import PICTURE, STAGE, Looker, Source, captions, replica, track

LIMIT = "jetstream { max_file_store: 1MB }"


def counted(outcome: str) -> float:
    return TICKETS.labels(STAGE, "routine", outcome)._value.get()


def refused(stream: topology.Stream) -> float:
    """What the alert counts."""
    return REGISTRY.get_sample_value("sightline_bus_refused_total", {"stream": stream.name}) or 0.0


@contextlib.asynccontextmanager
async def small_server(folder: Path) -> AsyncIterator[NatsServer]:
    """A server that keeps one megabyte of files, with all streams.

    They are made while there is more: a server with so little promises none of them their size.
    """
    async with (
        NatsServer(store=folder / "store") as server,
        Bus.open(BusSettings(url=server.url), name="before"),
    ):
        pass
    config = folder / "small.conf"
    config.write_text(LIMIT)
    async with NatsServer(store=folder / "store", config=config) as server:
        yield server


async def fill(bus: Bus) -> str:
    """Store captions until there is no room; what the bus then says."""
    for number in range(1_000):
        crowd = Track(room="another room", participant=f"guest {number % 50}", id="camera")
        try:
            await bus.publish(caption(number + 1, "x" * 7_000, crowd))
        except StoreFullError as full:
            return str(full)
    raise AssertionError("a megabyte took seven")


async def empty(server: NatsServer) -> None:
    """What an operator does about it."""
    async with raw(server.url) as client:
        await client.jetstream().purge_stream(topology.CAPTIONS.name)


@pytest.fixture
async def full(tmp_path: Path) -> AsyncIterator[tuple[NatsServer, Bus]]:
    async with (
        small_server(tmp_path) as server,
        Bus.open(BusSettings(url=server.url), name="test") as bus,
    ):
        assert "insufficient resources" in await fill(bus)
        yield server, bus


async def test_frames_tickets_and_images_are_taken_while_captions_are_not(
    full: tuple[NatsServer, Bus],
) -> None:
    _, bus = full
    source = Source(bus)
    shown = await source.show(track(1))
    newest = await bus.newest(Frame, subjects.frame(track(1)))
    assert newest is not None
    assert newest.message == shown
    assert await source.ticket(shown) is False, "its ticket is there already"
    await bus.publish(EncodedImage(frame=shown.info, profile="512", width=64, height=48, data=PICTURE))
    assert await bus.newest(EncodedImage, subjects.image(track(1), "512"))
    assert bus.ready, "what has room goes on"


async def test_a_captioner_says_that_it_cannot_store_and_why_and_captions_again_when_there_is_room(
    full: tuple[NatsServer, Bus],
) -> None:
    server, bus = full
    worker, source, health = Looker(), Source(bus), Health(bus)
    before, unstored = refused(topology.CAPTIONS), counted("unstored")
    async with replica(worker, bus), captions(bus) as found:
        await source.show(track(1))
        await worker.has_seen(lambda seen: len(seen) > 1)  # handed back, and tried again
        assert health.problems["store"].startswith("SIGHTLINE_CAPTIONS takes no messages: ")
        assert refused(topology.CAPTIONS) > before
        assert counted("unstored") > unstored
        found.messages.clear()
        await empty(server)
        await found.says("frame 1")
        assert health.problems == {}
        await source.show(track(2))
        await found.has(2)


async def test_a_ticket_whose_caption_finds_no_room_is_given_up_and_its_track_goes_on(
    full: tuple[NatsServer, Bus],
) -> None:
    _, bus = full
    worker, source = Looker(), Source(bus)
    async with replica(worker, bus):
        await source.show(track(1))
        await worker.has_seen(lambda seen: len(seen) == 3)
        # The slot of the track is free, so it takes the next frame's ticket.
        await source.show(track(2))
        await worker.has_seen(lambda seen: seen[-1].track == track(2))
        await source.show(track(1))
        await worker.has_seen(lambda seen: (seen[-1].track, seen[-1].sequence) == (track(1), 2))


async def test_a_turn_is_answered_with_what_was_in_view_before(tmp_path: Path) -> None:
    async with (
        small_server(tmp_path) as server,
        Bus.open(BusSettings(url=server.url), name="test") as bus,
        OpenAIServer(answer="A red mug.") as model,
        talking(model, bus) as talk,
    ):
        await talk.shows(bus, now_shows(bus, "a red mug"))
        await fill(bus)
        with pytest.raises(StoreFullError):
            await bus.publish(caption(2, "y" * 7_000, ALICE))
        record = await talk.says("What do I hold?")
    assert record.reply == "A red mug."
    assert [shown.text for shown in record.shown] == ["a red mug"]


async def test_a_server_with_too_little_room_for_the_streams_keeps_a_service_from_being_ready(
    tmp_path: Path,
) -> None:
    config = tmp_path / "small.conf"
    config.write_text(LIMIT)
    async with NatsServer(config=config) as server:
        bus = Bus(BusSettings(url=server.url), name="test")
        await bus.start()
        try:
            while "STREAM.CREATE.SIGHTLINE_CAPTIONS: insufficient storage" not in bus.problem:
                await bus.changes.after(bus.changes.version)
            assert not bus.ready
            assert "bus" in Health(bus).problems
        finally:
            await bus.close()
