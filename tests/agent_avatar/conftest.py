"""A voice for the agent, and a room of each test's own."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator

import pytest

from support.voice_server import VoiceServer


@pytest.fixture
def room() -> str:
    return f"room {uuid.uuid4().hex[:8]}"


@pytest.fixture
async def voice() -> AsyncIterator[VoiceServer]:
    """An OpenAI-compatible endpoint that answers and speaks."""
    async with VoiceServer(answer="You hold a red mug and a long blue scarf.") as server:
        yield server
