"""A pause of whoever speaks: heard after a moment of silence, once, whatever the gain and the noise."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Iterable

import numpy as np
import pytest
from livekit import rtc
from livekit.agents import AgentSession
from livekit.agents.voice.io import AudioInput

from sightline_agent.pauses import PAUSE_SECONDS, Ears, Pauses

RATE = 24000
FRAME = 0.05
"""Seconds, as LiveKit hands them over."""

HEARD = math.ceil(PAUSE_SECONDS / FRAME) * FRAME
"""After so much silence it is told, with the frame that it lies in."""

LOUD, HUSHED = 8000.0, 80.0
"""A voice in 16-bit samples, and 40 dB less: a quiet room."""


def audio(*parts: tuple[float, float], rate: int = RATE, channels: int = 1) -> list[rtc.AudioFrame]:
    """Noise of these loudnesses, each for so many seconds."""
    noise = np.random.default_rng(7)
    frames = []
    for loudness, seconds in parts:
        for _ in range(round(seconds / FRAME)):
            count = round(rate * FRAME)
            samples = (noise.standard_normal(count * channels) * loudness).clip(-32768, 32767)
            frames.append(rtc.AudioFrame(samples.astype(np.int16).tobytes(), rate, channels, count))
    return frames


def pauses_at(frames: Iterable[rtc.AudioFrame]) -> list[float]:
    """When pauses were heard, in seconds from the beginning."""
    pauses = Pauses()
    return [pytest.approx((at + 1) * FRAME) for at, frame in enumerate(frames) if pauses.hear(frame)]


@pytest.mark.parametrize("gain", [1.0, 0.02])
@pytest.mark.parametrize(("rate", "channels"), [(24000, 1), (48000, 2), (8000, 1)])
def test_silence_after_speech_is_a_pause(gain: float, rate: int, channels: int) -> None:
    spoken = [(HUSHED * gain, 1.0), (LOUD * gain, 1.5), (HUSHED * gain, 1.0)]
    assert pauses_at(audio(*spoken, rate=rate, channels=channels)) == [2.5 + HEARD]


def test_each_pause_is_heard_once_and_what_lies_between_words_is_none() -> None:
    words = [(LOUD, 0.4), (HUSHED, 0.1), (LOUD, 0.6), (0.0, 0.6), (LOUD / 2, 0.3), (0.0, 2.0)]
    assert pauses_at(audio(*words)) == [1.1 + HEARD, 2.0 + HEARD]


def test_a_steady_noise_is_neither_speech_nor_a_pause() -> None:
    assert pauses_at(audio((HUSHED, 3.0))) == []
    assert pauses_at(audio((0.0, 3.0))) == []
    assert pauses_at(audio((LOUD, 0.5), (LOUD / 3, 1.0))) == [], "no pause is to be told in such noise"


def test_somebody_who_moves_away_from_the_microphone_is_still_heard() -> None:
    near = [(LOUD, 1.0), (0.0, 1.0)]
    away = [(LOUD / 12, 1.0), (0.0, 0.5)] * 6
    assert len(pauses_at(audio(*near, *away))) > 4


def test_an_empty_frame_says_nothing() -> None:
    assert not Pauses().hear(rtc.AudioFrame(b"", RATE, 1, 0))


class Microphone(AudioInput):
    """Hears what it is given."""

    def __init__(self, frames: list[rtc.AudioFrame]) -> None:
        super().__init__(label="microphone")
        self._frames = iter(frames)
        self.attached = 0

    async def __anext__(self) -> rtc.AudioFrame:
        try:
            return next(self._frames)
        except StopIteration:
            raise StopAsyncIteration from None

    def on_attached(self) -> None:
        self.attached += 1

    def on_detached(self) -> None:
        self.attached -= 1


@pytest.fixture
async def session() -> AsyncIterator[AgentSession[None]]:
    opened = AgentSession[None]()
    yield opened
    await opened.aclose()


async def heard(source: AudioInput) -> list[rtc.AudioFrame]:
    return [frame async for frame in source]


async def test_what_a_session_hears_passes_as_it_is_and_its_pauses_are_told(
    session: AgentSession[None],
) -> None:
    frames, told = audio((LOUD, 0.5), (0.0, 0.5)), list[str]()
    session.input.audio = microphone = Microphone(frames)
    ears = Ears(session, lambda: told.append("pause"))
    ears.open()
    ears.open()
    assert session.input.audio.source is microphone
    assert not ears.hear
    assert await heard(session.input.audio) == frames
    assert ears.hear
    assert told == ["pause"]
    assert microphone.attached == 1
    ears.close()
    assert session.input.audio is microphone
    assert microphone.attached == 1


async def test_a_session_without_audio_has_no_pauses(session: AgentSession[None]) -> None:
    ears = Ears(session, lambda: None)
    ears.open()
    assert not ears.hear
    ears.close()
    assert session.input.audio is None


async def test_whoever_wraps_the_input_later_keeps_it_and_nothing_is_told_any_more(
    session: AgentSession[None],
) -> None:
    frames, told = audio((LOUD, 0.5), (0.0, 0.5)), list[str]()
    session.input.audio = Microphone(frames)
    ears = Ears(session, lambda: told.append("pause"))
    ears.open()
    outer = AudioInput(label="outer", source=session.input.audio)
    session.input.audio = outer
    ears.close()
    assert session.input.audio is outer
    assert await heard(outer) == frames
    assert told == []
