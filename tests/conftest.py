"""Fixtures for every test: real servers, a clean environment, and a watched event loop."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING

import pytest

from sightline.embedded import NatsServer
from support import environment, event_loop
from support.livekit_server import LiveKitServer, find_livekit_server, running_livekit
from support.nats_server import Server

if TYPE_CHECKING:
    from sightline.bus import Bus

environment.remove_leaks()


@pytest.fixture(autouse=True)
def _event_loop_is_never_blocked(request: pytest.FixtureRequest) -> Iterator[None]:
    if request.node.get_closest_marker("blocks_the_loop"):
        yield
        return
    with event_loop.watched():
        yield


@pytest.fixture
async def nats() -> AsyncIterator[Server]:
    """A NATS server of this test alone, running."""
    async with NatsServer() as server:
        yield server


@pytest.fixture
async def bus(nats: Server) -> AsyncIterator[Bus]:
    """An open bus on `nats`."""
    from sightline.bus import Bus
    from sightline.config import BusSettings

    async with Bus.open(BusSettings(url=nats.url), name="test") as opened:
        yield opened


@pytest.fixture(scope="session")
def livekit() -> Iterator[LiveKitServer]:
    """A running livekit-server, shared by the tests of this process: use rooms of your own."""
    binary = find_livekit_server()
    if binary is None:
        environment.missing(
            "livekit", "there is no livekit-server binary: docs/development.md tells how to get it"
        )
    with running_livekit(binary) as server:
        yield server
