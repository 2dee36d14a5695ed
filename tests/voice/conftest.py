"""An endpoint that hears, answers and speaks, for calls on a real LiveKit server."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from support.speech import espeak
from support.voice_call import BEFORE, WHAT
from support.voice_server import VoiceServer


@pytest.fixture
async def voice() -> AsyncIterator[VoiceServer]:
    espeak()
    async with VoiceServer(hears=(WHAT, BEFORE)) as server:
        yield server
