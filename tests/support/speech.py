"""Speech for tests: sentences spoken by espeak-ng, and told apart by how they sound.

Nothing here understands speech. Of the sentences that a test says, the one that sounds most like what
was heard is recognised, so a transcript is right only where the audio arrived.
"""

from __future__ import annotations

import io
import shutil
import subprocess
import tempfile
import wave
from collections.abc import Collection
from functools import cache
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from support.environment import missing

Samples = NDArray[np.int16]
"""Mono, at ``RATE``."""

RATE = 24_000
"""Samples a second: what OpenAI's speech has, and what livekit-agents listens at."""

ALIKE = 0.65
"""Of 1: below, a sound is none of the sentences."""

_STEP = RATE // 100
_PAUSE = 10
_BANDS = 16
_STEPS = 3


def espeak() -> str:
    """The program that speaks; without it the test is skipped."""
    program = shutil.which("espeak-ng")
    return program or missing("espeak-ng", "it is not installed (Debian: espeak-ng)")


@cache
def spoken(sentence: str) -> Samples:
    """A sentence in a clear voice, without silence around it."""
    with tempfile.TemporaryDirectory(prefix="sightline-speech-") as folder:
        file = Path(folder) / "speech.wav"
        subprocess.run([espeak(), "-s", "160", "-w", str(file), sentence], check=True, timeout=30)
        return trimmed(from_wav(file.read_bytes()))


def from_wav(data: bytes) -> Samples:
    """The first channel of a WAV file, at ``RATE``."""
    with wave.open(io.BytesIO(data)) as file:
        rate, channels = file.getframerate(), file.getnchannels()
        samples = np.frombuffer(file.readframes(file.getnframes()), np.int16)[::channels]
    return resampled(samples, rate)


def resampled(samples: Samples, rate: int, to: int = RATE) -> Samples:
    """The same sound at another rate."""
    if rate == to or not len(samples):
        return samples
    times = np.arange(len(samples) * to // rate) * (rate / to)
    return np.interp(times, np.arange(len(samples)), samples).astype(np.int16)


def to_wav(samples: Samples) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as written:
        written.setnchannels(1)
        written.setsampwidth(2)
        written.setframerate(RATE)
        written.writeframes(samples.tobytes())
    return file.getvalue()


def to_mp3(samples: Samples) -> bytes:
    file = io.BytesIO()
    with av.open(file, "w", format="mp3") as container:
        stream = container.add_stream("libmp3lame", rate=RATE)
        stream.layout = "mono"
        frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate = RATE
        resampler = av.AudioResampler(format=stream.format, layout="mono", rate=RATE)
        for piece in [*resampler.resample(frame), *resampler.resample(None)]:
            container.mux(stream.encode(piece))
        container.mux(stream.encode(None))
    return file.getvalue()


def trimmed(samples: Samples) -> Samples:
    """From the first to the last loud moment."""
    (loud,) = np.nonzero(_loudness(samples) > 0)
    return samples[loud[0] * _STEP : (loud[-1] + 1) * _STEP] if len(loud) else samples[:0]


def is_heard(samples: Samples) -> bool:
    """Whether there is more than silence."""
    return bool((_loudness(samples) > 0).any())


def seconds_of_sound(samples: Samples) -> float:
    """Seconds that are not silent."""
    return float((_loudness(samples) > 0).sum()) * _STEP / RATE


def recognised(samples: Samples, sentences: Collection[str]) -> str:
    """Which of the sentences this is; empty for none of them."""
    heard = trimmed(samples)
    if len(heard) < 10 * _STEP:
        return ""
    alike = {sentence: _likeness(heard, spoken(sentence)) for sentence in sentences}
    best = max(alike, key=alike.__getitem__, default="")
    return best if alike.get(best, 0.0) > ALIKE else ""


def recognised_in(samples: Samples, sentences: Collection[str]) -> set[str]:
    """Which of the sentences this is, or begin somewhere in it, after a moment of silence."""
    loud = _loudness(samples) > 0
    starts = [at for at in np.flatnonzero(loud) if not loud[max(0, at - _PAUSE) : at].any()]
    lengths = {len(spoken(sentence)) for sentence in sentences}
    pieces = (samples[at * _STEP :][: length + _PAUSE * _STEP] for at in starts for length in lengths)
    return {recognised(piece, sentences) for piece in (samples, *pieces)} - {""}


def _loudness(samples: Samples) -> NDArray[np.float64]:
    """Decibels above what counts as silence, of each hundredth of a second; 0 is silence."""
    steps = samples[: len(samples) // _STEP * _STEP].reshape(-1, _STEP).astype(np.float64)
    power = (steps**2).mean(axis=1)
    return np.maximum(0.0, 10 * np.log10(power + 1) - 40)


def _likeness(one: Samples, other: Samples) -> float:
    """1 for the same sentence, at most about 0.5 for another one.

    A busy machine drops and stretches sound: what is said is compared in its order, not in its time.
    """
    first, second = _sounds(one), _sounds(other)
    if not len(first) or not 0.5 < len(first) / max(1, len(second)) < 2:
        return 0.0
    return 1 - 2 * _warped(1 - first @ second.T) / (len(first) + len(second))


def _warped(distances: NDArray[np.float64]) -> float:
    """The cost of the cheapest way from corner to corner, in which neither goes back."""
    above = np.full(distances.shape[1] + 1, np.inf)
    above[0] = 0.0
    for row in distances:
        here = np.full_like(above, np.inf)
        for at, distance in enumerate(row, 1):
            here[at] = distance + min(above[at - 1], above[at], here[at - 1])
        above = here
    return float(above[-1])


def _sounds(samples: Samples) -> NDArray[np.float64]:
    """Which of the bands are loud, of each moment that is not silent: unit vectors."""
    loud = _loudness(samples) > 0
    steps = samples[: len(loud) * _STEP].reshape(-1, _STEP)[loud] * np.hanning(_STEP)
    power = np.abs(np.fft.rfft(steps, axis=1)) ** 2
    # Up to 3 kHz, where speech is, whatever a codec leaves of the rest.
    bands = power[:, 1 : 1 + 2 * _BANDS].reshape(len(steps), _BANDS, 2).sum(axis=2)
    levels = np.log10(bands + 1e4)[: len(steps) // _STEPS * _STEPS]
    moments = levels.reshape(-1, _STEPS, _BANDS).mean(axis=1)
    if not len(moments):
        return moments
    moments -= moments.mean(axis=0)
    return moments / (np.linalg.norm(moments, axis=1, keepdims=True) + 1e-3)
