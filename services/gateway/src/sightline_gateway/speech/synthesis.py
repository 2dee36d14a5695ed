"""Speech as clients get it: whole files of sound, in the format that they asked for."""

from __future__ import annotations

import asyncio
import io
import wave
from typing import Any, cast

import av
import numpy as np
from livekit import rtc
from livekit.agents import APIConnectOptions, APIError, tts

from sightline.log import get_logger
from sightline_gateway.errors import AudioError
from sightline_gateway.settings import SpeechFormat

log = get_logger()

UNAVAILABLE = (
    "no speech is configured. Set OPENAI_API_KEY for OpenAI; or, for any OpenAI-compatible endpoint of "
    "speech, AGENT_SPEECH_BASE_URL and, where it wants a key, AGENT_SPEECH_API_KEY."
)

# Format -> container, encoder and bits a second, of speech in one channel.
_ENCODERS = {"mp3": ("mp3", "libmp3lame", 64_000), "opus": ("ogg", "libopus", 32_000)}
_RATES_OF_OPUS = (8_000, 12_000, 16_000, 24_000, 48_000)

_PATIENCE = APIConnectOptions(max_retry=1, retry_interval=0.5, timeout=20.0)


async def synthesize(model: tts.TTS[Any] | None, text: str, format: SpeechFormat = "wav") -> bytes:
    """A text, spoken: one whole recording.

    Args:
        model: Any text-to-speech of livekit-agents; the caller closes it. None where none is configured.
        format: ``wav``, ``mp3``, or ``opus`` (in Ogg).

    Raises:
        AudioError: There is nothing to say, no model to say it, or it failed.
    """
    if model is None:
        raise AudioError("speech_unavailable", f"Nothing can be spoken here: {UNAVAILABLE}")
    if not text.strip():
        raise AudioError("bad_message", "Expected a text to speak, got none.")
    try:
        async with model.synthesize(text, conn_options=_PATIENCE) as stream:
            frame = await stream.collect()
    except APIError as error:
        log.warning("text_not_spoken", error=repr(error), characters=len(text))
        raise AudioError(
            "turn_failed", f"The text could not be spoken: the model failed ({kind_of(error)})."
        ) from error
    return await asyncio.to_thread(encode, mono(frame), frame.sample_rate, format)


def kind_of(error: APIError) -> str:
    """What went wrong with a model, without what its endpoint said."""
    return type(error.__cause__ or error).__name__


def mono(frame: rtc.AudioFrame) -> bytes:
    """The 16 bit samples of a frame; several channels become one."""
    if frame.num_channels == 1:
        return bytes(frame.data)
    samples = np.frombuffer(frame.data, np.int16).reshape(-1, frame.num_channels)
    return bytes(samples.mean(axis=1).astype(np.int16))


def encode(samples: bytes, rate: int, format: SpeechFormat) -> bytes:
    """A whole file of one channel of 16 bit samples, ``rate`` of them a second. Call it in a thread."""
    file = io.BytesIO()
    if format == "wav":
        with wave.open(file, "wb") as written:
            written.setnchannels(1)
            written.setsampwidth(2)
            written.setframerate(rate)
            written.writeframes(samples)
        return file.getvalue()
    container_format, encoder, bit_rate = _ENCODERS[format]
    with av.open(file, "w", format=container_format) as container:
        added = container.add_stream(encoder, _encoded_rate(rate, format), layout="mono")
        stream = cast(av.AudioStream, added)
        stream.bit_rate = bit_rate
        sound = av.AudioFrame.from_ndarray(
            np.frombuffer(samples, np.int16).reshape(1, -1), format="s16", layout="mono"
        )
        sound.sample_rate = rate
        container.mux(stream.encode(sound))
        container.mux(stream.encode(None))
    return file.getvalue()


def _encoded_rate(rate: int, format: SpeechFormat) -> int:
    return 48_000 if format == "opus" and rate not in _RATES_OF_OPUS else rate
