"""One server with the generated configuration for all tests that leave it as it is."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import pytest_asyncio

from sightline.bus import Bus
from support.secured import Caller, Secured, plan


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def secured(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Secured]:
    """Running, with the streams that `sightline init` makes, and a worker `plates` of its own."""
    made = Secured(plan(tmp_path_factory.mktemp("secured") / "nats", workers=("plates",)))
    async with made.server:
        async with Bus.open(made.bus_settings("admin"), name="init"):
            pass
        yield made


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def callers(secured: Secured) -> AsyncIterator[list[Caller]]:
    """Somebody with each of the credentials."""
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(secured.caller(name)) for name in secured.names]


@pytest.fixture
def fresh(tmp_path: Path) -> Secured:
    """A configuration and a server of this test alone, which does not run yet."""
    return Secured(plan(tmp_path / "nats"))
