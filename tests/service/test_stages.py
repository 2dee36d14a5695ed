"""The registry of stages: who appears, who is forgotten, and who is not while the bus is away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

import pytest

from sightline.bus import Bus
from sightline.config import BusSettings
from sightline.messages import Trigger
from sightline.stages import StageEntry, StageRegistry, announce
from sightline.worker import StageWants
from support.buses import SECONDS, raw, until_back, until_lost
from support.nats_server import Server

WANTS = StageWants(max_fps=2, max_width=640, triggers=frozenset({Trigger.TIMER}))


@asynccontextmanager
async def in_background(*work: object) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(each) for each in work]  # type: ignore[arg-type]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        with suppress(asyncio.CancelledError):
            await asyncio.gather(*tasks)


@asynccontextmanager
async def followed(bus: Bus) -> AsyncIterator[StageRegistry]:
    registry = StageRegistry(bus)
    async with in_background(registry.run()):
        yield registry


async def until(registry: StageRegistry, true: Callable[[], bool]) -> None:
    async with asyncio.timeout(SECONDS):
        while True:
            version = registry.version
            if true():
                return
            await registry.changed(version)


async def test_a_stage_appears_with_what_it_wants_also_to_who_comes_later(bus: Bus) -> None:
    async with in_background(announce(bus, StageEntry(stage="test", wants=WANTS))):
        async with followed(bus) as registry:
            await until(registry, lambda: dict(registry.wants) == {"test": WANTS})
        async with followed(bus) as late:
            await until(late, lambda: dict(late.wants) == {"test": WANTS})


async def test_what_a_stage_wants_changes_with_its_latest_word(bus: Bus) -> None:
    async with followed(bus) as registry:
        await bus.publish(StageEntry(stage="test", wants=WANTS))
        await until(registry, lambda: "test" in registry.wants)
        await bus.publish(StageEntry(stage="test", wants=StageWants(max_fps=5)))
        await until(registry, lambda: registry.wants["test"].max_fps == 5)


async def test_the_same_word_again_is_no_change(bus: Bus) -> None:
    async with followed(bus) as registry:
        await bus.publish(StageEntry(stage="test", wants=WANTS))
        await until(registry, lambda: "test" in registry.wants)
        version = registry.version
        await bus.publish(StageEntry(stage="test", wants=WANTS))
        await bus.publish(StageEntry(stage="other", wants=WANTS))
        await until(registry, lambda: "other" in registry.wants)
        assert registry.version == version + 1


@pytest.mark.slow
async def test_a_stage_without_replicas_is_forgotten_and_one_with_replicas_is_not(bus: Bus) -> None:
    async with followed(bus) as registry, in_background(announce(bus, StageEntry(stage="kept", wants=WANTS))):
        async with in_background(announce(bus, StageEntry(stage="gone", wants=WANTS))):
            await until(registry, lambda: set(registry.wants) == {"kept", "gone"})
        await until(registry, lambda: set(registry.wants) == {"kept"})


@pytest.mark.faults
async def test_a_stage_stays_while_the_bus_is_away_longer_than_it_would_live(
    nats: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sightline.stages.STAGE_TTL", 4.0)
    async with Bus.open(BusSettings(url=nats.url), name="source") as bus, followed(bus) as registry:
        await bus.publish(StageEntry(stage="test", wants=WANTS))
        await until(registry, lambda: "test" in registry.wants)
        await nats.kill()
        await until_lost(bus)
        forgotten = asyncio.create_task(registry.changed(registry.version))
        done, _ = await asyncio.wait([forgotten], timeout=6)
        assert not done
        await nats.start()
        await until_back(bus)
        # From now on its replicas have as long as ever to say that they are there.
        done, _ = await asyncio.wait([forgotten], timeout=2.5)
        assert not done
        async with asyncio.timeout(SECONDS):
            await forgotten
        assert registry.wants == {}


@pytest.mark.faults
async def test_a_replica_announces_itself_at_once_after_a_restart(nats: Server, bus: Bus) -> None:
    async with in_background(announce(bus, StageEntry(stage="test", wants=WANTS))):
        async with followed(bus) as registry:
            await until(registry, lambda: "test" in registry.wants)
        await nats.kill()
        await until_lost(bus)
        await nats.start()
        async with followed(bus) as registry:  # knows nothing of what was
            await until(registry, lambda: "test" in registry.wants)


async def test_entries_are_what_key_value_tools_read(bus: Bus, nats: Server) -> None:
    await bus.publish(StageEntry(stage="test", wants=WANTS))
    async with raw(nats.url) as client:
        bucket = await client.jetstream().key_value("sightline_stages")
        entry = await bucket.get("test")
    assert entry.value is not None
    assert b'"max_width":640' in entry.value
