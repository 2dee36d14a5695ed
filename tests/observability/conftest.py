"""The whole system once, for all tests of a file: it must be gone before other tests use its LiveKit."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio

from support.livekit_server import LiveKitServer
from support.observed import Observed, observed


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def system(livekit: LiveKitServer) -> AsyncIterator[Observed]:
    """Started, used once."""
    async with observed(livekit) as running:
        await running.use()
        yield running
