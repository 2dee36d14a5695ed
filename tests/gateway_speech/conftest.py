"""An endpoint that hears, answers and speaks, and LiveKit's own plugins that talk to it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from livekit.plugins import openai

from support.speech import espeak
from support.voice_server import VoiceServer

SENTENCES = ("What do I hold in my hand?", "Tell me about the weather in London.", "Stop that, please.")


@pytest.fixture
async def voice() -> AsyncIterator[VoiceServer]:
    espeak()
    async with VoiceServer(hears=SENTENCES) as server:
        yield server


@pytest.fixture
async def stt(voice: VoiceServer) -> AsyncIterator[openai.STT]:
    model = openai.STT(base_url=voice.url, api_key="none")
    yield model
    await model._client.close()
    await model.aclose()


@pytest.fixture
async def tts(voice: VoiceServer) -> AsyncIterator[openai.TTS]:
    model = openai.TTS(model="tts-1", base_url=voice.url, api_key="none")
    yield model
    await model.aclose()


@pytest.fixture
async def llm(voice: VoiceServer) -> AsyncIterator[openai.LLM]:
    model = openai.LLM(model="test-model", base_url=voice.url, api_key="none")
    yield model
    await model.aclose()
