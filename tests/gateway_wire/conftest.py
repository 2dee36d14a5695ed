"""A language model for the gateway's sessions."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from support.model_servers import OpenAIServer


@pytest.fixture
async def model() -> AsyncIterator[OpenAIServer]:
    """An OpenAI-compatible endpoint that records what it is sent."""
    async with OpenAIServer(answer="I see.") as server:
        yield server
