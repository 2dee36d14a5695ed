"""Who makes the streams, and what a credential that may make them cannot do by that."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace

import pytest

from sightline import topology
from sightline.bus import Bus
from sightline.errors import BusError
from support.buses import until, until_back
from support.secured import Secured


@asynccontextmanager
async def started(secured: Secured, name: str) -> AsyncIterator[Bus]:
    bus = Bus(secured.bus_settings(name), name=name)
    try:
        await bus.start()
        yield bus
    finally:
        await bus.close()


async def test_a_worker_waits_for_streams_that_it_may_not_make_and_says_so(fresh: Secured) -> None:
    async with fresh.server, started(fresh, "captioner") as captioner:
        await until(captioner, lambda: "no such stream" in captioner.problem)
        assert "NATS_CREATE_STREAMS" in captioner.problem
        assert not captioner.ready
        async with Bus.open(fresh.bus_settings("admin"), name="init"):
            await until_back(captioner)


@pytest.mark.parametrize("source", ["room-ingest", "gateway"])
async def test_after_a_restart_of_nats_a_source_makes_the_memory_streams_again(
    fresh: Secured, source: str
) -> None:
    waiting = ("captioner", "encoder", "agent")
    async with fresh.server, AsyncExitStack() as stack:
        buses = [await stack.enter_async_context(started(fresh, name)) for name in (source, *waiting)]
        await asyncio.gather(*(until_back(bus) for bus in buses))
        generations = [bus.generation for bus in buses]
        await fresh.server.kill()
        await fresh.server.start()
        await asyncio.gather(*map(until_back, buses, generations))
        # Nobody was refused anything on the way.
        assert "Violation" not in fresh.server.log


async def test_making_a_stream_that_is_there_does_not_change_it(fresh: Secured) -> None:
    async with fresh.server, Bus.open(fresh.bus_settings("room-ingest"), name="room-ingest") as bus:
        wanted = replace(topology.CAPTIONS, max_msgs_per_subject=1)
        with pytest.raises(BusError, match="already in use"):
            await bus._jetstream.api(
                f"STREAM.CREATE.{wanted.name}",
                {"name": wanted.name, "subjects": list(wanted.subjects), "max_msgs_per_subject": 1},
            )
        changes = await bus.ensure(topology.STREAMS, report=True)
        assert {change.action for change in changes} == {"verified"}


async def test_a_stream_that_sends_its_messages_elsewhere_is_refused(fresh: Secured) -> None:
    stream = topology.FRAMES
    leaking = {
        "name": stream.name,
        "subjects": list(stream.subjects),
        "storage": stream.storage,
        "republish": {"src": ">", "dest": "leak.>"},
    }
    async with fresh.server, fresh.caller("room-ingest") as caller:
        answer = await caller.client.request(
            f"$JS.API.STREAM.CREATE.{stream.name}", json.dumps(leaking).encode()
        )
        assert "error" not in json.loads(answer.data)
        async with Bus.open(fresh.bus_settings("admin"), name="init", verify=False) as admin:
            await admin.ensure(topology.STREAMS, report=True)
        async with started(fresh, "captioner") as captioner:
            await until(captioner, lambda: "republish: wanted None" in captioner.problem)
            assert not captioner.ready
