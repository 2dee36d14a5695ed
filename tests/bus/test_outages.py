"""NATS killed, restarted, frozen, replaced: what the bus does meanwhile, and afterwards."""

from __future__ import annotations

import asyncio
import gc

import psutil
import pytest
from structlog.testing import capture_logs

from sightline import subjects, topology
from sightline.bus import Bus
from sightline.config import BusSettings
from sightline.embedded import NatsServer
from sightline.errors import BusError
from sightline.messages import Caption, Frame, Speaking
from support.buses import (
    SECONDS,
    caption,
    fails_at_once,
    left_behind,
    picture,
    read,
    until,
    until_back,
    until_lost,
)
from support.frames import ALICE
from support.nats_server import Server

MiB = 1024 * 1024
FRAME_BYTES = 900_000


async def restart(nats: Server, bus: Bus) -> None:
    generation = bus.generation
    await nats.kill()
    await until_lost(bus)
    await nats.start()
    await until_back(bus, generation)


async def stored_captions(bus: Bus, count: int) -> list[int]:
    feed = bus.feed(topology.CAPTIONS, subjects.room_captions("demo"), (Caption,), history="all")
    try:
        return [message.frame.sequence for message in await read(feed, count) if message.frame]
    finally:
        await feed.aclose()


@pytest.mark.faults
@pytest.mark.parametrize("end", ["kill", "stop"])
async def test_the_bus_works_again_after_a_restart(nats: Server, bus: Bus, end: str) -> None:
    generation = bus.generation
    await getattr(nats, end)()
    await until_lost(bus)
    assert not bus.ready
    assert str(nats.port) in bus.problem
    await nats.start()
    await until_back(bus, generation)
    assert bus.problem == ""
    await bus.publish(picture(1))
    assert await bus.newest(Frame, subjects.frame(ALICE))


@pytest.mark.faults
async def test_memory_streams_that_a_restart_lost_are_back_and_the_files_are_kept(
    nats: Server, bus: Bus
) -> None:
    await bus.publish(picture(1))
    await bus.publish(caption(1))
    await restart(nats, bus)
    assert await bus.newest(Frame, subjects.frame(ALICE)) is None
    assert await bus.newest(Caption, subjects.caption(ALICE, "test"))
    changes = await bus.ensure(topology.streams(), report=True)
    assert {change.action for change in changes} == {"verified"}


@pytest.mark.faults
async def test_while_the_server_is_gone_publishing_fails_at_once_and_nothing_is_sent_later(
    nats: Server, bus: Bus
) -> None:
    await bus.publish(caption(1))
    await nats.kill()
    await until_lost(bus)
    for sequence in range(2, 12):
        fails_at_once(bus.publish(caption(sequence)), BusError, "NATS|connection")
    fails_at_once(bus.offer(caption(12)), BusError)
    fails_at_once(bus.newest(Caption, subjects.caption(ALICE, "test")), BusError)
    await bus.send(Speaking(room="demo", participant="alice", speaking=True))
    await nats.start()
    await until_back(bus)
    await bus.publish(caption(20))
    assert await stored_captions(bus, 2) == [1, 20]


@pytest.mark.faults
@pytest.mark.parametrize(
    "seconds", [8, pytest.param(30, marks=pytest.mark.slow)], ids=["a-moment", "half-a-minute"]
)
async def test_a_frozen_server_costs_neither_memory_nor_the_connection_and_fresh_frames_come_first(
    nats: Server, bus: Bus, seconds: int
) -> None:
    sequence = 0

    async def publish_on_and_on() -> None:
        nonlocal sequence
        while True:
            burst = [bus.publish(picture(sequence + number, FRAME_BYTES)) for number in range(1, 9)]
            sequence += len(burst)
            results = await asyncio.gather(*burst, return_exceptions=True)
            assert all(isinstance(result, BusError) for result in results)
            await asyncio.sleep(0.05)  # the rate of a source

    await bus.publish(picture(1))
    gc.collect()
    before = psutil.Process().memory_info().rss
    nats.pause()
    try:
        publishing = asyncio.create_task(publish_on_and_on())
        closed = asyncio.create_task(bus.wait_closed())
        ended, _ = await asyncio.wait([publishing, closed], timeout=seconds)
        assert not ended
        assert not bus.ready
        publishing.cancel()
        closed.cancel()
        assert psutil.Process().memory_info().rss - before < 100 * MiB
    finally:
        nats.resume()
    await until_back(bus)
    fresh = picture(sequence + 1)
    await bus.publish(fresh)
    found = await bus.newest(Frame, subjects.frame(ALICE))
    assert found is not None
    assert found.message == fresh


@pytest.mark.slow
@pytest.mark.faults
async def test_what_a_frozen_server_did_not_take_is_not_sent_when_it_goes_on(nats: Server, bus: Bus) -> None:
    nats.pause()
    sent = [bus.publish(caption(number, "x" * 8_000)) for number in range(1, 3_000)]
    results = await asyncio.gather(*sent, return_exceptions=True)
    assert all(isinstance(result, BusError) for result in results)
    await until_lost(bus)
    nats.resume()
    await until_back(bus)
    await bus.publish(caption(5_000))
    feed = bus.feed(topology.CAPTIONS, subjects.room_captions("demo"), (Caption,), history="all")
    kept = [message.frame.sequence for message in await read(feed, 1) if message.frame]
    while kept[-1] != 5_000:
        kept += [message.frame.sequence for message in await read(feed, 1) if message.frame]
    await feed.aclose()
    # What the kernel had taken by then cannot be called back; what waited behind it is gone.
    assert 2_999 not in kept


async def test_a_server_that_froze_with_its_buffers_full_is_left_for_another() -> None:
    async with NatsServer() as one, NatsServer() as other:
        settings = BusSettings(url=f"{one.url},{other.url}")
        async with Bus.open(settings, name="test") as bus:
            first = one if bus._connection.client.connected_url.port == one.port else other
            first.pause()
            try:
                sent = [bus.publish(picture(number, FRAME_BYTES)) for number in range(1, 16)]
                await asyncio.gather(*sent, return_exceptions=True)
                await until_back(bus, bus.generation)
                await bus.publish(picture(1))
                assert bus._connection.client.connected_url.port != first.port
            finally:
                first.resume()


async def test_a_connection_that_nobody_reads_any_more_is_replaced(nats: Server) -> None:
    async with Bus.open(BusSettings(url=nats.url, request_timeout=0.3), name="test") as bus:
        generation = bus.generation
        # As a raising callback of nats-py leaves it: `connected`, and deaf.
        bus._connection.client._reading_task.cancel()
        bus._connection.client._ping_interval_task.cancel()
        await until(bus, lambda: not bus.ready)
        assert bus.connected
        await until_back(bus, generation)
        await bus.publish(picture(1))


@pytest.mark.faults
async def test_an_error_that_nobody_expects_does_not_end_the_attempts_to_reconnect(
    nats: Server, bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = bus._connection.client
    connect, failed = client._connect_command, asyncio.Event()

    def broken() -> bytes:
        failed.set()
        raise ValueError("half a key file")

    monkeypatch.setattr(client, "_connect_command", broken)
    await nats.kill()
    await nats.start()
    async with asyncio.timeout(SECONDS):
        await failed.wait()
    monkeypatch.setattr(client, "_connect_command", connect)
    await until_back(bus)


async def test_a_server_that_comes_late_is_found() -> None:
    server = NatsServer()
    await server.start()
    await server.stop()
    bus = Bus(BusSettings(url=server.url), name="test")
    try:
        await bus.start()
        await until(bus, lambda: "cannot reach NATS" in bus.problem)
        assert not bus.ready
        fails_at_once(bus.publish(picture(1)), BusError, "cannot reach NATS")
        await server.start()
        await until_back(bus)
    finally:
        await bus.close()
        await server.close()


@pytest.mark.faults
@pytest.mark.parametrize("state", ["running", "gone", "frozen", "frozen with its buffers full"])
async def test_closing_is_bounded_and_silent(nats: Server, state: str) -> None:
    bus = Bus(BusSettings(url=nats.url), name="test")
    await bus.start()
    await bus.wait_ready()
    if state == "gone":
        await nats.kill()
        await until_lost(bus)
    elif state != "running":
        nats.pause()
    if "full" in state:
        sent = [bus.publish(picture(number, FRAME_BYTES)) for number in range(1, 16)]
        await asyncio.gather(*sent, return_exceptions=True)
    with capture_logs() as logs:
        async with asyncio.timeout(SECONDS):
            await bus.close()
            await bus.wait_closed()
    assert [entry for entry in logs if entry["log_level"] != "debug"] == []
    assert await left_behind(nats) == []
    nats.resume()


@pytest.mark.parametrize("moment", ["never started", "before it could connect"])
async def test_a_bus_that_never_connected_closes_and_tells_who_waits(moment: str) -> None:
    server = NatsServer()
    await server.start()
    await server.stop()
    bus = Bus(BusSettings(url=server.url), name="test")
    if moment != "never started":
        await bus.start()
        await until(bus, lambda: "cannot reach NATS" in bus.problem)
    async with asyncio.timeout(SECONDS):
        await bus.close()
        await bus.wait_closed()
    assert await left_behind(server) == []
    await server.close()


async def test_a_frozen_server_that_greets_nobody_can_be_left_while_connecting(nats: Server) -> None:
    nats.pause()
    bus = Bus(BusSettings(url=nats.url), name="test")
    await bus.start()
    await until(bus, lambda: "TimeoutError" in bus.problem)
    await bus.close()
    assert await left_behind(nats) == []
    nats.resume()
