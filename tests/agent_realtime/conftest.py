"""A realtime model's endpoint, a language model's, and a captioner."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from sightline.bus import Bus
from support.model_servers import OpenAIServer
from support.realtime_server import RealtimeServer
from support.watching import Colours, captioning


@pytest.fixture
async def server() -> AsyncIterator[RealtimeServer]:
    """Speaks OpenAI's realtime protocol, and remembers what it was sent."""
    async with RealtimeServer() as running:
        yield running


@pytest.fixture
async def model() -> AsyncIterator[OpenAIServer]:
    """A language model that has one thing to say."""
    async with OpenAIServer(answer="It boils.") as running:
        yield running


@pytest.fixture
async def captioner(bus: Bus) -> AsyncIterator[Colours]:
    """A captioner that can be asked which colour there is."""
    async with captioning(bus) as running:
        yield running
