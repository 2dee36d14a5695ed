"""A credential that expires while it is in use: the server closes the connection, a renewed one opens it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sightline.bus import Bus
from sightline.errors import BusClosedError
from support.buses import SECONDS, fails_at_once, left_behind, picture, until, until_back
from support.decentralized import SOON, Decentralized
from support.services import running


@pytest.fixture
async def trust(tmp_path: Path) -> AsyncIterator[Decentralized]:
    made = Decentralized(tmp_path)
    async with made.server:
        yield made


async def test_a_credential_that_expires_closes_the_bus_for_good_and_a_renewed_one_opens_another(
    trust: Decentralized,
) -> None:
    async with Bus.open(trust.settings(trust.credential(SOON)), name="worker") as bus:
        await bus.publish(picture(1))
        async with asyncio.timeout(SECONDS):
            await bus.wait_closed()
        assert not bus.ready
        assert "for good" in bus.problem
        assert "authentication expired" in bus.problem.lower()
        fails_at_once(bus.publish(picture(2)), BusClosedError, "for good")
    assert await left_behind(trust.server) == []
    async with Bus.open(trust.settings(trust.credential()), name="worker") as renewed:
        await renewed.publish(picture(2))


async def test_a_credential_that_is_already_expired_is_no_end_and_a_renewed_one_is_found(
    trust: Decentralized,
) -> None:
    bus = Bus(trust.settings(trust.credential(-60)), name="worker")
    try:
        await bus.start()
        await until(bus, lambda: "cannot reach NATS" in bus.problem and "Violation" in bus.problem)
        assert not bus.ready
        trust.credential()
        await until_back(bus)
        await bus.publish(picture(1))
    finally:
        await bus.close()


async def test_a_service_whose_credential_expires_exits_with_1_and_the_next_has_the_renewed_one(
    trust: Decentralized,
) -> None:
    environment = {"NATS_URL": trust.server.url, "NATS_CREDS_FILE": str(trust.credential(2 * SOON))}
    async with running("work", **environment) as service:
        await service.event("working")
        failed = await service.event("service_failed")
        assert failed["error"] == "BusClosedError"
        assert "authentication expired" in failed["reason"].lower()
        assert await service.ended() == 1
    trust.credential()
    async with running("work", **environment) as service:
        await service.event("working")
        await service.until_ready()
