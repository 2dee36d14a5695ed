"""Recordings of clients, understood by LiveKit's plugin of a real endpoint."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest
from livekit.plugins import openai

from sightline_gateway.errors import AudioError
from sightline_gateway.speech.hearing import Hearing
from support.gateway_speech import CONTAINERS, recorded
from support.http_server import Status
from support.speech import RATE, resampled, spoken, to_wav
from support.voice_server import TRANSCRIPTIONS, VoiceServer

WHAT = "What do I hold in my hand?"
WEATHER = "Tell me about the weather in London."


@pytest.mark.parametrize("kind", CONTAINERS)
async def test_what_was_said_is_understood_from_any_container(kind: str, stt: openai.STT) -> None:
    hearing = Hearing(stt)
    for sentence in (WHAT, WEATHER):
        heard = await hearing.transcribe(recorded(spoken(sentence), kind))
        assert heard.text == sentence


async def test_a_wrong_hint_about_the_format_does_no_harm(stt: openai.STT) -> None:
    assert (await Hearing(stt).transcribe(recorded(spoken(WHAT), "webm"), "audio/mpeg")).text == WHAT


@pytest.mark.parametrize("rate", [8_000, 16_000, 44_100, 48_000])
async def test_raw_samples_are_understood_at_the_rate_that_they_have(rate: int, stt: openai.STT) -> None:
    samples = resampled(spoken(WHAT), RATE, rate)
    heard = await Hearing(stt).transcribe(samples.tobytes(), "pcm16", sample_rate=rate)
    assert heard.text == WHAT


async def test_recordings_arrive_as_one_channel_at_sixteen_kilohertz(
    stt: openai.STT, voice: VoiceServer
) -> None:
    await Hearing(stt).transcribe(recorded(spoken(WHAT), "webm"))
    [request] = voice.asked(TRANSCRIPTIONS)
    wav = request["file"]
    assert int.from_bytes(wav[22:24], "little") == 1
    assert int.from_bytes(wav[24:28], "little") == 16_000


async def test_what_was_said_first_is_understood_first(stt: openai.STT, voice: VoiceServer) -> None:
    hearing, long = Hearing(stt), np.pad(spoken(WEATHER), (0, 20 * RATE))
    voice.latency = 0.05
    heard = await asyncio.gather(
        hearing.transcribe(recorded(long, "mp3")), hearing.transcribe(to_wav(spoken(WHAT)))
    )
    assert [each.text for each in heard] == voice.transcripts == [WEATHER, WHAT]
    assert voice.peak == 1


async def test_damage_within_a_recording_is_passed_over(stt: openai.STT) -> None:
    data = bytearray(recorded(spoken(WHAT), "mp3"))
    middle = len(data) // 2
    data[middle : middle + 40] = b"\xff" * 40
    assert (await Hearing(stt).transcribe(bytes(data) + b"garbage at its end" * 9)).text == WHAT


async def test_raw_samples_need_their_rate(stt: openai.STT) -> None:
    with pytest.raises(AudioError, match="send sampleRate") as caught:
        await Hearing(stt).transcribe(spoken(WHAT).tobytes(), "pcm16")
    assert caught.value.code == "audio_invalid"


async def test_half_a_sample_is_refused(stt: openai.STT) -> None:
    with pytest.raises(AudioError, match="odd number of bytes"):
        await Hearing(stt).transcribe(spoken(WHAT).tobytes()[:-1], "pcm16", sample_rate=RATE)


async def test_silence_is_refused_before_a_model_hears_words_in_it(
    stt: openai.STT, voice: VoiceServer
) -> None:
    silence = np.zeros(RATE, np.int16)
    with pytest.raises(AudioError, match="silent: is the microphone muted") as caught:
        await Hearing(stt).transcribe(to_wav(silence))
    assert caught.value.code == "audio_invalid"
    assert voice.requests == []


async def test_a_click_is_refused(stt: openai.STT, voice: VoiceServer) -> None:
    with pytest.raises(AudioError, match=r"at least 0.1 seconds of sound, got 0.05") as caught:
        await Hearing(stt).transcribe(to_wav(spoken(WHAT)[: RATE // 20]))
    assert caught.value.code == "audio_invalid"
    assert voice.requests == []


async def test_noise_without_words_is_told(stt: openai.STT) -> None:
    noise = np.random.default_rng(1).integers(-3_000, 3_000, RATE, dtype=np.int16)
    with pytest.raises(AudioError, match="No words were understood") as caught:
        await Hearing(stt).transcribe(to_wav(noise))
    assert caught.value.code == "audio_invalid"


async def test_too_many_bytes_are_refused_before_they_are_decoded(
    stt: openai.STT, voice: VoiceServer
) -> None:
    hearing = Hearing(stt, max_bytes=1024 * 1024)
    with pytest.raises(AudioError) as caught:
        await hearing.transcribe(b"\xff" * (2 * 1024 * 1024))
    assert str(caught.value) == "Audio too large (2.0 MB). Maximum allowed: 1.0 MB"
    assert caught.value.code == "audio_too_large"
    assert voice.requests == []


async def test_too_many_seconds_are_refused(stt: openai.STT, voice: VoiceServer) -> None:
    sentence = spoken(WHAT)
    hearing = Hearing(stt, max_seconds=len(sentence) / RATE + 0.1)
    assert (await hearing.transcribe(to_wav(sentence))).text == WHAT
    with pytest.raises(AudioError, match=r"Audio too long\. Maximum allowed: ") as caught:
        await hearing.transcribe(to_wav(np.concatenate([sentence, sentence])))
    assert caught.value.code == "audio_too_large"
    assert len(voice.requests) == 1


async def test_without_a_model_it_is_told_what_to_set() -> None:
    with pytest.raises(AudioError, match=r"(?s)OPENAI_API_KEY.*AGENT_SPEECH_BASE_URL") as caught:
        await Hearing(None).transcribe(to_wav(spoken(WHAT)))
    assert caught.value.code == "speech_unavailable"


async def test_a_model_that_failed_once_is_asked_again(stt: openai.STT, voice: VoiceServer) -> None:
    voice.fail(Status(500), times=1)
    assert (await Hearing(stt).transcribe(to_wav(spoken(WHAT)))).text == WHAT
    assert len(voice.requests) == 2


async def test_a_model_that_fails_fails_the_turn_and_nothing_else(
    stt: openai.STT, voice: VoiceServer
) -> None:
    hearing = Hearing(stt)
    voice.fail(Status(401, body='{"error": {"message": "the secret of the endpoint"}}'), times=1)
    with pytest.raises(AudioError, match="could not be transcribed") as caught:
        await hearing.transcribe(to_wav(spoken(WHAT)))
    assert caught.value.code == "turn_failed"
    assert "secret" not in str(caught.value)
    assert (await hearing.transcribe(to_wav(spoken(WHAT)))).text == WHAT
