"""The endpoint of speech that these tests rest on, asked by LiveKit's own plugin."""

from __future__ import annotations

import numpy as np
import pytest
from livekit import rtc
from livekit.plugins import openai

from support.speech import RATE, recognised, spoken
from support.voice_server import VoiceServer

SENTENCE = "You hold a red mug."
OTHERS = ("You hold a blue book.", "Nothing is in view.")


@pytest.mark.parametrize("model", ["tts-1", "gpt-4o-mini-tts"])  # whole, and as server-sent events
@pytest.mark.parametrize("audio", ["mp3", "wav", "pcm"])
async def test_what_the_plugin_plays_is_what_was_said(audio: str, model: str, voice: VoiceServer) -> None:
    tts = openai.TTS(model=model, base_url=voice.url, api_key="none", response_format=audio)
    frames = [piece.frame async for piece in tts.synthesize(SENTENCE)]
    await tts.aclose()
    assert {frame.sample_rate for frame in frames} == {RATE}
    sound = np.concatenate([np.frombuffer(frame.data, np.int16) for frame in frames])
    assert recognised(sound, [SENTENCE, *OTHERS]) == SENTENCE


async def test_what_the_plugin_understands_is_what_was_said(voice: VoiceServer) -> None:
    voice.hears = (SENTENCE, *OTHERS)
    stt = openai.STT(base_url=voice.url, api_key="none")
    for sentence in voice.hears:
        sound = np.pad(spoken(sentence), RATE // 2)
        event = await stt.recognize(rtc.AudioFrame(sound.tobytes(), RATE, 1, len(sound)))
        assert event.alternatives[0].text == sentence
    noise = np.random.default_rng(1).integers(-3_000, 3_000, RATE, dtype=np.int16)
    event = await stt.recognize(rtc.AudioFrame(noise.tobytes(), RATE, 1, len(noise)))
    assert event.alternatives[0].text == ""
    await stt._client.close()
    await stt.aclose()
