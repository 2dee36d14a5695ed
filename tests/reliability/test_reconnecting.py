"""The bus keeps trying, far longer than its client would by itself."""

from __future__ import annotations

import asyncio

import pytest

from sightline.bus import Bus
from support.buses import SECONDS, picture, until_back, until_lost
from support.nats_server import Server

DEFAULT_ATTEMPTS = 60
"""After so many nats-py closes the connection for good, unless it is told otherwise."""


@pytest.mark.faults
async def test_after_more_attempts_than_the_client_makes_by_default_it_still_comes_back(
    nats: Server, bus: Bus
) -> None:
    client = bus._connection.client
    client.options["reconnect_time_wait"] = 0.001  # the attempts count, not the time between them
    await nats.kill()
    await until_lost(bus)
    async with asyncio.timeout(SECONDS):
        while client._server_pool[0].reconnects <= 2 * DEFAULT_ATTEMPTS:
            await bus.changes.after(bus.changes.version)
    await nats.start()
    await until_back(bus)
    await bus.publish(picture(1))
