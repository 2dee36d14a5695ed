"""Spoken conversations over a real WebSocket: a recording in, words and speech out."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import numpy as np
import pytest
from livekit.plugins import openai

from sightline.bus import Bus
from sightline.messages import Trigger
from sightline_gateway.client import GatewayClient, RefusedError
from sightline_gateway.errors import AudioError
from sightline_gateway.protocol import (
    AudioChunk,
    CaptureFrame,
    FrameReceived,
    ResponseComplete,
    SpeechInterrupted,
    SpeechStreamEnd,
    TextDelta,
    TranscriptionResult,
)
from sightline_gateway.serving.server import GatewayServer
from sightline_gateway.session import VideoSession
from sightline_gateway.session.agent import GatewayAgent
from sightline_gateway.session.models import Models
from sightline_gateway.settings import GatewaySettings, SessionSettings
from support.agents import talking_to, users_words
from support.encoded import encoded
from support.gateway_speech import played, recorded
from support.speech import Samples, recognised, spoken, to_wav
from support.voice_server import SPEECH, VoiceServer

QUESTION = "What do I hold in my hand?"
SHORT = "It is a blue book."
LONG = "You hold a red mug in your left hand. Behind it there is a large window, and it rains outside."
OTHERS = ("Nothing is in view.", LONG)


@pytest.fixture
def models(llm: openai.LLM, stt: openai.STT, tts: openai.TTS) -> Models:
    return Models(llm, stt, tts)


def session_of(
    bus: Bus, voice: VoiceServer, models: Models, session_id: str = "", **chosen: str
) -> VideoSession:
    settings = SessionSettings(frame_wait=0, **chosen)
    agent = GatewayAgent(vision=talking_to(voice))
    return VideoSession(bus, session_id=session_id, settings=settings, agent=agent, models=models)


@asynccontextmanager
async def gateway(bus: Bus, voice: VoiceServer, models: Models, **chosen: str) -> AsyncIterator[str]:
    def make(session_id: str, participant: str) -> VideoSession:
        return session_of(bus, voice, models, session_id, **chosen)

    async with GatewayServer(make, GatewaySettings(port=0), SessionSettings(**chosen)) as server:
        yield f"http://127.0.0.1:{server.port}"


def heard_by(client: GatewayClient) -> Samples:
    """All that was spoken to it."""
    chunks = [message for message in client.messages if isinstance(message, AudioChunk)]
    return np.concatenate([played(base64.b64decode(chunk.data)) for chunk in chunks])


def types_of(client: GatewayClient) -> list[str]:
    return [message.type for message in client.messages]


@pytest.mark.parametrize("format", ["wav", "mp3", "opus"])
@pytest.mark.parametrize("binary", [False, True], ids=["JSON", "binary"])
async def test_a_recording_becomes_a_turn_whose_reply_is_written_and_spoken(
    format: str, binary: bool, bus: Bus, voice: VoiceServer, models: Models
) -> None:
    voice.answer = SHORT
    async with (
        gateway(bus, voice, models, speech_format=format) as url,
        GatewayClient(url, audio=True, binary=binary) as client,
    ):
        reply = await client.say(recorded(spoken(QUESTION), "webm"), "webm")
        types = types_of(client)
        speech = heard_by(client)
    assert (reply.heard, reply.text, reply.interrupted) == (QUESTION, SHORT, False)
    assert QUESTION in users_words(voice.turns[-1])[-1]
    assert recognised(speech, [SHORT, *OTHERS]) == SHORT
    order = ["transcription_result", "text_delta", "speech_stream_start", "audio_chunk", "speech_stream_end"]
    assert [each for each in dict.fromkeys(types) if each in order] == order
    assert types[-1] == "response_complete"


async def test_a_recording_asks_for_what_is_in_view_before_its_words_are_known(
    bus: Bus, voice: VoiceServer, models: Models
) -> None:
    async with (
        gateway(bus, voice, models, timer_interval="0") as url,
        GatewayClient(url, camera=lambda _: encoded("WEBP", (64, 48))) as client,
    ):
        await client.until(FrameReceived)  # the first, which each session asks for
        before = len(client.messages)
        await client.say(recorded(spoken(QUESTION), "webm"), "webm")
        said = list(client.messages)[before:]
    asked = next(i for i, each in enumerate(said) if isinstance(each, CaptureFrame))
    understood = next(i for i, each in enumerate(said) if isinstance(each, TranscriptionResult))
    assert said[asked].reason is Trigger.USER_REQUEST
    assert asked < understood


async def test_a_client_that_interrupts_hears_nothing_more_of_the_reply(
    bus: Bus, voice: VoiceServer, models: Models
) -> None:
    voice.answer = LONG
    async with gateway(bus, voice, models) as url, GatewayClient(url, audio=True) as client:
        asked = asyncio.create_task(client.ask("What do you see?"))
        await client.until(AudioChunk)
        await client.interrupt("enough")
        assert (await asked).interrupted
        assert (await client.until(SpeechInterrupted)).reason == "enough"
        after = types_of(client)
        after = after[after.index("speech_interrupted") :]
        assert "audio_chunk" not in after
        assert "speech_stream_end" not in after

        client.messages.clear()
        voice.answer = SHORT
        await client.ask("And now?")
        assert types_of(client).index("speech_stream_start") < types_of(client).index("audio_chunk")
        assert recognised(heard_by(client), [SHORT, *OTHERS]) == SHORT


async def test_a_recording_interrupts_the_reply_in_progress(
    bus: Bus, voice: VoiceServer, models: Models
) -> None:
    voice.answer = LONG
    async with gateway(bus, voice, models) as url, GatewayClient(url, audio=True) as client:
        first = asyncio.create_task(client.ask("What do you see?"))
        await client.until(AudioChunk)
        voice.answer = SHORT
        second = await client.say(recorded(spoken(QUESTION), "ogg"))
        assert (await first).interrupted
        assert (second.heard, second.text) == (QUESTION, SHORT)
        assert (await client.until(SpeechInterrupted)).reason == "user_speaking"
        types = types_of(client)
        assert types.index("speech_interrupted") < types.index("transcription_result")
        assert types.count("speech_stream_end") == 1


async def test_what_the_user_types_tells_why_the_speech_ends(
    bus: Bus, voice: VoiceServer, models: Models
) -> None:
    voice.answer = LONG
    async with gateway(bus, voice, models) as url, GatewayClient(url, audio=True) as client:
        first = asyncio.create_task(client.ask("What do you see?"))
        await client.until(AudioChunk)
        voice.answer = SHORT
        assert (await client.ask("And now?")).text == SHORT
        assert (await first).interrupted
        assert (await client.until(SpeechInterrupted)).reason == "user_speaking"


async def test_a_client_that_cannot_hear_is_answered_in_text_only(
    bus: Bus, voice: VoiceServer, models: Models
) -> None:
    voice.answer = SHORT
    async with gateway(bus, voice, models) as url, GatewayClient(url, audio=False) as client:
        assert (await client.say(to_wav(spoken(QUESTION)))).text == SHORT
        assert "text_delta" in types_of(client)
        assert "audio_chunk" not in types_of(client)
    assert voice.asked(SPEECH) == []


@pytest.mark.parametrize(
    ("data", "code"),
    [(b"no recording", "audio_invalid"), (to_wav(np.zeros(24_000, np.int16)), "audio_invalid")],
)
async def test_a_recording_that_cannot_be_used_is_told_and_the_session_lives_on(
    data: bytes, code: str, bus: Bus, voice: VoiceServer, models: Models
) -> None:
    async with gateway(bus, voice, models) as url, GatewayClient(url) as client:
        with pytest.raises(RefusedError) as caught:
            await client.say(data)
        assert caught.value.code == code
        assert (await client.say(to_wav(spoken(QUESTION)))).heard == QUESTION


async def test_without_speech_models_a_recording_is_told_what_is_missing(
    bus: Bus, voice: VoiceServer, llm: openai.LLM
) -> None:
    async with gateway(bus, voice, Models(llm)) as url, GatewayClient(url, audio=True) as client:
        with pytest.raises(RefusedError, match="AGENT_SPEECH_BASE_URL") as caught:
            await client.say(to_wav(spoken(QUESTION)))
        assert caught.value.code == "speech_unavailable"
        assert (await client.ask("Hello?")).text == "I see."
        assert "audio_chunk" not in types_of(client)


async def test_a_client_that_goes_away_is_spoken_to_no_more(
    bus: Bus, voice: VoiceServer, models: Models
) -> None:
    voice.answer = LONG
    session = session_of(bus, voice, models)
    over = asyncio.Event()
    session.on(ResponseComplete, lambda reply: over.set() if reply.interrupted else None)
    server = GatewayServer(lambda *_: session, GatewaySettings(port=0), SessionSettings())
    async with server:
        async with GatewayClient(f"http://127.0.0.1:{server.port}", audio=True) as client:
            asked = asyncio.create_task(client.ask("What do you see?"))
            await client.until(AudioChunk)
            asked.cancel()
        await over.wait()


async def test_a_session_of_ones_own_hears_and_speaks(bus: Bus, voice: VoiceServer, models: Models) -> None:
    voice.answer = SHORT
    async with session_of(bus, voice, models, speech_format="mp3") as session:
        deltas: list[str] = []
        session.on(TextDelta, lambda delta: deltas.append(delta.text))
        assert await session.transcribe_audio(recorded(spoken(QUESTION), "m4a")) == QUESTION
        assert voice.turns == []
        assert await session.send_audio(spoken(QUESTION).tobytes(), "pcm16", sample_rate=24_000) == SHORT
        assert "".join(deltas) == SHORT
        data = await session.generate_speech(SHORT)
        assert recognised(played(data), [SHORT, *OTHERS]) == SHORT
        with pytest.raises(AudioError, match="got something else"):
            await session.transcribe_audio(b"no recording")


async def test_speech_can_be_switched_off_and_on_again(bus: Bus, voice: VoiceServer, models: Models) -> None:
    voice.answer = SHORT
    session = session_of(bus, voice, models)
    server = GatewayServer(lambda *_: session, GatewaySettings(port=0), SessionSettings())
    async with server, GatewayClient(f"http://127.0.0.1:{server.port}", audio=True) as client:
        await client.ask("Hello?")
        assert types_of(client).count("speech_stream_end") == 1
        session.update_config(speech=False)
        await client.ask("Hello?")
        assert types_of(client).count("speech_stream_end") == 1
        session.update_config(speech=True)
        await client.ask("Hello?")
        assert [type(each) for each in client.messages].count(SpeechStreamEnd) == 2
