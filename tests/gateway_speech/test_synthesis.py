"""Whole recordings of a text, by LiveKit's plugin of a real endpoint."""

from __future__ import annotations

import pytest
from livekit import rtc
from livekit.plugins import openai

from sightline_gateway.errors import AudioError
from sightline_gateway.settings import SpeechFormat
from sightline_gateway.speech.synthesis import encode, mono, synthesize
from support.gateway_speech import played
from support.http_server import Status
from support.speech import RATE, recognised, resampled, spoken
from support.voice_server import SPEECH, VoiceServer

SENTENCE = "You hold a red mug."
OTHERS = ("You hold a blue book.", "Nothing is in view.")


@pytest.mark.parametrize(("format", "magic"), [("wav", b"RIFF"), ("mp3", b"ID3"), ("opus", b"OggS")])
async def test_a_text_is_spoken_in_the_format_that_is_asked_for(
    format: SpeechFormat, magic: bytes, tts: openai.TTS
) -> None:
    data = await synthesize(tts, SENTENCE, format)
    assert data.startswith(magic)
    assert recognised(played(data), [SENTENCE, *OTHERS]) == SENTENCE


@pytest.mark.parametrize("rate", [16_000, 22_050, 44_100])
@pytest.mark.parametrize("format", ["wav", "mp3", "opus"])
def test_speech_of_any_rate_is_encoded(format: SpeechFormat, rate: int) -> None:
    samples = resampled(spoken(SENTENCE), RATE, rate)
    sound = played(encode(samples.tobytes(), rate, format))
    assert len(sound) / RATE == pytest.approx(len(samples) / rate, abs=0.05)
    assert recognised(sound, [SENTENCE, *OTHERS]) == SENTENCE


def test_several_channels_become_one() -> None:
    samples = spoken(SENTENCE)
    both = rtc.AudioFrame(samples.repeat(2).tobytes(), RATE, 2, len(samples))
    assert mono(both) == samples.tobytes()


@pytest.mark.parametrize("text", ["", "  \n"])
async def test_nothing_to_say_is_refused(text: str, tts: openai.TTS, voice: VoiceServer) -> None:
    with pytest.raises(AudioError, match="Expected a text to speak") as caught:
        await synthesize(tts, text)
    assert caught.value.code == "bad_message"
    assert voice.asked(SPEECH) == []


async def test_without_a_model_it_is_told_what_to_set() -> None:
    with pytest.raises(AudioError, match=r"(?s)OPENAI_API_KEY.*AGENT_SPEECH_BASE_URL") as caught:
        await synthesize(None, SENTENCE)
    assert caught.value.code == "speech_unavailable"


async def test_a_model_that_fails_is_told_without_what_it_said(tts: openai.TTS, voice: VoiceServer) -> None:
    voice.fail(Status(401, body='{"error": {"message": "the secret of the endpoint"}}'), times=1)
    with pytest.raises(AudioError, match="could not be spoken") as caught:
        await synthesize(tts, SENTENCE)
    assert caught.value.code == "turn_failed"
    assert "secret" not in str(caught.value)
    assert recognised(played(await synthesize(tts, SENTENCE)), [SENTENCE, *OTHERS]) == SENTENCE
