"""Fixtures for every test: real servers, a clean environment, and a watched event loop."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator, Generator, Iterator
from typing import TYPE_CHECKING

import hypothesis
import pytest

from support import environment, event_loop
from support.livekit_server import LiveKitServer, find_livekit_server, running_livekit
from support.nats_server import Server, running_nats

if TYPE_CHECKING:
    from sightline.bus import Bus

environment.remove_leaks()
# A shell starts what it puts into the background with SIGINT ignored, and so would be all its children.
signal.signal(signal.SIGINT, signal.default_int_handler)
# Nothing asserts how long something takes.
hypothesis.settings.register_profile("sightline", deadline=None)
hypothesis.settings.load_profile("sightline")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A test that fails shows the log of its NATS server."""
    report = yield
    server = getattr(item, "funcargs", {}).get("nats")
    if report.failed and call.when == "call" and server is not None:
        report.sections.append(("nats-server", _log(server)))
    return report


def _log(server: Server) -> str:
    try:
        return server.log
    except Exception as error:  # Docker may be what failed; this must not end the run.
        return f"cannot be read: {error!r}"


@pytest.fixture(autouse=True)
def _event_loop_is_never_blocked(request: pytest.FixtureRequest) -> Iterator[None]:
    if request.node.get_closest_marker("blocks_the_loop"):
        yield
        return
    with event_loop.watched():
        yield


@pytest.fixture
async def nats(request: pytest.FixtureRequest) -> AsyncIterator[Server]:
    """A NATS server of this test alone, running."""
    async with running_nats(ill_treated=request.node.get_closest_marker("faults") is not None) as server:
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
    try:
        binary = find_livekit_server()
    except FileNotFoundError as error:
        environment.missing("livekit", str(error))
    with running_livekit(binary) as server:
        yield server
