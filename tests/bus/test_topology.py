"""Streams as they should be: made, compared, changed when asked, refused when they cannot be."""

from __future__ import annotations

import pytest
from nats.js.api import StorageType

from sightline import topology
from sightline.bus import Bus, Change
from sightline.config import BusSettings
from sightline.errors import BusError, TopologyError
from support.buses import picture, raw, until, until_back
from support.nats_server import Server

MiB = 1024 * 1024


async def drift(nats: Server, **fields: object) -> None:
    """Make the stream of frames with other settings."""
    async with raw(nats.url) as client:
        settings = {"name": topology.FRAMES.name, "subjects": list(topology.FRAMES.subjects)} | fields
        await client.jetstream().add_stream(**settings)


async def test_missing_streams_are_made_and_then_verified(nats: Server) -> None:
    async with Bus.open(BusSettings(url=nats.url), name="test", verify=False) as bus:
        made = await bus.ensure(topology.streams())
        assert {change.action for change in made} == {"created"}
        assert {change.stream for change in made} == {stream.name for stream in topology.STREAMS}
        again = await bus.ensure(topology.streams())
        assert {change.action for change in again} == {"verified"}


async def test_every_setting_reaches_the_server(bus: Bus, nats: Server) -> None:
    async with raw(nats.url) as client:
        for stream in topology.STREAMS:
            found = (await client.jetstream().stream_info(stream.name)).config
            assert found.storage == stream.storage
            assert found.retention == stream.retention
            assert found.discard == stream.discard
            assert found.discard_new_per_subject is stream.discard_new_per_subject
            assert found.max_msgs_per_subject == stream.max_msgs_per_subject
            assert found.max_age == stream.max_age
            assert found.max_bytes == stream.max_bytes
            assert found.max_msg_size == stream.max_msg_size
            assert found.duplicate_window == stream.duplicate_window
            assert found.allow_direct is stream.allow_direct
            assert found.max_consumers == stream.max_consumers


async def test_more_rooms_can_be_followed_than_a_server_takes_readers_by_itself(
    bus: Bus, nats: Server
) -> None:
    async with raw(nats.url) as client:
        for stream in (topology.FRAMES, topology.CAPTIONS, topology.IMAGES):
            found = (await client.jetstream().stream_info(stream.name)).config
            assert found.max_consumers == 100_000


async def test_a_bus_that_only_looks_makes_no_stream(nats: Server) -> None:
    async with Bus.open(BusSettings(url=nats.url), name="test", verify=False) as bus:
        assert bus.ready
        with pytest.raises(BusError, match="nobody listens"):
            await bus.publish(picture(1))
        async with raw(nats.url) as client:
            assert await client.jetstream().streams_info() == []


async def test_a_stream_with_other_settings_stops_the_start_with_each_field_and_both_values(
    nats: Server,
) -> None:
    await drift(nats, storage=StorageType.MEMORY, max_age=10, max_msgs_per_subject=1)
    with pytest.raises(TopologyError) as refused:
        async with Bus.open(BusSettings(url=nats.url), name="test"):
            pass
    message = str(refused.value)
    assert "SIGHTLINE_FRAMES.max_age: wanted 60000000000, found 10000000000" in message
    assert f"SIGHTLINE_FRAMES.max_bytes: wanted {512 * MiB}, found -1" in message
    assert "SIGHTLINE_FRAMES.allow_direct: wanted True, found False" in message
    assert "storage" not in message
    assert "sightline init --apply" in message


async def test_differences_are_applied_when_asked_and_a_waiting_service_goes_on(nats: Server) -> None:
    await drift(nats, storage=StorageType.MEMORY, max_age=10)
    waiting = Bus(BusSettings(url=nats.url), name="waiting")
    try:
        await waiting.start()
        await until(waiting, lambda: "max_age" in waiting.problem)
        async with Bus.open(BusSettings(url=nats.url), name="init", verify=False) as bus:
            changes = await bus.ensure(topology.streams(), apply=True)
            assert Change(topology.FRAMES.name, "applied", "max_age", 60 * 10**9, 10 * 10**9) in changes
            assert {change.action for change in await bus.ensure(topology.streams())} == {"verified"}
        await until_back(waiting)
    finally:
        await waiting.close()


async def test_differences_are_only_reported_when_asked(nats: Server) -> None:
    await drift(nats, storage=StorageType.MEMORY, max_age=10)
    async with Bus.open(BusSettings(url=nats.url), name="init", verify=False) as bus:
        changes = await bus.ensure([topology.FRAMES], report=True)
        assert "SIGHTLINE_FRAMES.max_age: wanted 60000000000, found 10000000000" in map(str, changes)
        with pytest.raises(TopologyError, match="max_age: wanted 60000000000, found 10000000000"):
            await bus.ensure([topology.FRAMES])


async def test_a_storage_that_cannot_be_changed_is_refused_and_says_what_to_do(nats: Server) -> None:
    await drift(nats, storage=StorageType.FILE)
    async with Bus.open(BusSettings(url=nats.url), name="init", verify=False) as bus:
        with pytest.raises(
            TopologyError, match=r"SIGHTLINE_FRAMES cannot be changed .*storage.*Delete the stream"
        ):
            await bus.ensure(topology.streams(), apply=True)


async def test_what_somebody_added_to_a_stream_and_we_do_not_set_is_left_alone(nats: Server) -> None:
    async with Bus.open(BusSettings(url=nats.url), name="first"):
        pass
    async with raw(nats.url) as client:
        config = (await client.jetstream().stream_info(topology.FRAMES.name)).config
        await client.jetstream().update_stream(config.evolve(description="ours"))
    async with Bus.open(BusSettings(url=nats.url), name="second") as bus:
        changes = await bus.ensure(topology.streams(), apply=True)
        assert {change.action for change in changes} == {"verified"}
        async with raw(nats.url) as client:
            assert (await client.jetstream().stream_info(topology.FRAMES.name)).config.description == "ours"


@pytest.mark.parametrize("stream", [topology.FRAMES, topology.WORK], ids=lambda stream: stream.name)
async def test_a_stream_deleted_under_a_running_bus_is_made_again(
    bus: Bus, nats: Server, stream: topology.Stream
) -> None:
    generation = bus.generation
    async with raw(nats.url) as client:
        await client.jetstream().delete_stream(stream.name)
        if stream is topology.WORK:  # the frames' stream is asked about every other second
            from support.buses import ticket

            with pytest.raises(BusError, match="nobody listens"):
                await bus.offer(ticket())
        await until_back(bus, generation)
        assert (await client.jetstream().stream_info(stream.name)).config.storage == stream.storage


async def test_a_stream_that_another_made_again_is_a_new_generation(bus: Bus, nats: Server) -> None:
    generation = bus.generation
    async with raw(nats.url) as client:
        config = (await client.jetstream().stream_info(topology.FRAMES.name)).config
        await client.jetstream().delete_stream(topology.FRAMES.name)
        await client.jetstream().add_stream(config)
    await until_back(bus, generation)


async def test_many_buses_at_once_make_the_streams_once_and_all_are_ready(nats: Server) -> None:
    buses = [Bus(BusSettings(url=nats.url), name=str(number)) for number in range(8)]
    for bus in buses:
        await bus.start()
    for bus in buses:
        await until_back(bus)
    for bus in buses:
        await bus.close()
