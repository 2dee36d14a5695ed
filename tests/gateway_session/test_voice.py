"""A session whose voice fails goes on in text."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from livekit.plugins import openai

from sightline.bus import Bus
from sightline_gateway.protocol import Capabilities, Error, ResponseComplete, SpeechStreamEnd, Text
from sightline_gateway.session.models import Models
from support.gateway_sessions import session_with
from support.model_servers import OpenAIServer, Status
from support.speech import espeak
from support.voice_server import VoiceServer


@pytest.fixture
async def voice() -> AsyncIterator[VoiceServer]:
    """An endpoint of speech that is not that of the language model."""
    espeak()
    async with VoiceServer() as server:
        yield server


@pytest.fixture
async def models(model: OpenAIServer, voice: VoiceServer) -> AsyncIterator[Models]:
    made = Models(
        llm=openai.LLM(model="test-model", base_url=model.url, api_key="none"),
        tts=openai.TTS(model="tts-1", base_url=voice.url, api_key="none"),
    )
    yield made
    await made.aclose()


async def test_a_voice_that_fails_leaves_the_text_and_says_why_it_is_silent(
    bus: Bus, model: OpenAIServer, voice: VoiceServer, models: Models
) -> None:
    voice.fault = Status(401)
    async with session_with(bus, model, models) as (session, client):
        session.client_ready(Capabilities(video=False, audio=True))
        assert await session.send_text("What do I hold?") == "You hold a mug."
        assert [each.text for each in client.told(Text)] == ["What do I hold?", "You hold a mug."]
        assert isinstance(client.messages[-2], ResponseComplete)
        error = client.messages[-1]
        assert isinstance(error, Error)
        assert error.code == "speech_unavailable"
        assert voice.url not in error.message

        voice.fault = None
        client.messages.clear()
        await session.send_text("And now?")
        assert client.told(SpeechStreamEnd)
        assert client.told(Error) == []


async def test_errors_of_one_sessions_models_are_not_counted_by_another(
    bus: Bus, model: OpenAIServer, models: Models
) -> None:
    async with (
        session_with(bus, model, models) as (failing, _),
        session_with(bus, model, models) as (_, other),
    ):
        heard: list[object] = []
        other.session._parts.conversation._session.on("error", heard.append)  # type: ignore[union-attr]
        model.fault = Status(401)
        await failing.send_text("Hello?")
    assert heard == []
