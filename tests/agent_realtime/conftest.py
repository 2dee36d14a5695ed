"""A realtime model's endpoint."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from support.realtime_server import RealtimeServer


@pytest.fixture
async def server() -> AsyncIterator[RealtimeServer]:
    """Speaks OpenAI's realtime protocol, and remembers what it was sent."""
    async with RealtimeServer() as running:
        yield running
