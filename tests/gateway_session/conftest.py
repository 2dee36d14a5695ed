"""A language model for the sessions."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from support.model_servers import OpenAIServer


@pytest.fixture
async def model() -> AsyncIterator[OpenAIServer]:
    """An OpenAI-compatible endpoint that records what it is sent."""
    async with OpenAIServer(answer="You hold a mug.") as server:
        yield server
