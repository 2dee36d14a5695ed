"""What a client said in one recording: its sound, and the words in it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import numpy as np
from livekit import rtc
from livekit.agents import APIConnectOptions, APIError, stt

from sightline.log import get_logger
from sightline_gateway.errors import AudioError
from sightline_gateway.settings import MIB
from sightline_gateway.speech.recordings import RATE, decode
from sightline_gateway.speech.synthesis import UNAVAILABLE, kind_of

log = get_logger()

SHORTEST = 0.1
"""Seconds. Endpoints refuse what is shorter."""
SILENCE = 64
"""The loudest sample, of 32768, of what is silent. Models hear words in silence."""

# Somebody waits for the answer: one more attempt, soon.
_PATIENCE = APIConnectOptions(max_retry=1, retry_interval=0.5, timeout=20.0)


@dataclass(frozen=True, slots=True)
class Heard:
    """The words of a recording, and the language of them (``en``), where the model tells it."""

    text: str
    language: str | None = None


class Hearing:
    """Understands recordings, one after another: what was said first is understood first.

    Args:
        model: Any speech-to-text of livekit-agents that takes whole recordings; the caller closes it. None
            where none is configured: then each recording is answered with what to set.
        max_bytes: Of one recording.
        max_seconds: Of its sound, whatever its size.
    """

    def __init__(
        self, model: stt.STT[Any] | None, *, max_bytes: int = 10 * MIB, max_seconds: float = 120.0
    ) -> None:
        self._model, self._max_bytes, self._max_seconds = model, max_bytes, max_seconds
        self._one_at_a_time = asyncio.Lock()

    async def transcribe(self, data: bytes, format: str = "unknown", sample_rate: int | None = None) -> Heard:
        """The words of one recording: WebM, Ogg, MP3, MP4, WAV, FLAC, AAC; or raw, ``pcm16``.

        Args:
            data: The whole recording.
            format: ``pcm16`` for 16 bit, little-endian, mono samples; else a hint, the bytes tell.
            sample_rate: Hz, of ``pcm16``.

        Raises:
            AudioError: It cannot be understood; ``code`` and message tell why.
        """
        model = self._usable()
        if len(data) > self._max_bytes:
            size, most = f"{len(data) / MIB:.1f} MB", f"{self._max_bytes / MIB:.1f} MB"
            raise AudioError("audio_too_large", f"Audio too large ({size}). Maximum allowed: {most}")
        async with self._one_at_a_time:
            sound = await asyncio.to_thread(_sound, data, format, sample_rate, self._max_seconds)
            heard = await self._recognize(model, sound)
        if not heard.text:
            raise AudioError("audio_invalid", "No words were understood in this recording.")
        return heard

    def _usable(self) -> stt.STT[Any]:
        if self._model is None:
            raise AudioError("speech_unavailable", f"Recordings cannot be understood here: {UNAVAILABLE}")
        if not self._model.capabilities.offline_recognize:
            raise AudioError(
                "speech_unavailable",
                f"Recordings cannot be understood here: {self._model.label} takes streams only. "
                "Choose a speech-to-text model that takes whole recordings.",
            )
        return self._model

    async def _recognize(self, model: stt.STT[Any], sound: bytes) -> Heard:
        frame = rtc.AudioFrame(sound, RATE, 1, len(sound) // 2)
        try:
            event = await model.recognize(frame, conn_options=_PATIENCE)
        except APIError as error:
            log.warning("recording_not_transcribed", error=repr(error), seconds=frame.duration)
            raise AudioError(
                "turn_failed", f"The recording could not be transcribed: the model failed ({kind_of(error)})."
            ) from error
        if not event.alternatives:
            return Heard("")
        best = event.alternatives[0]
        return Heard(best.text.strip(), str(best.language) or None)


def _sound(data: bytes, format: str, sample_rate: int | None, max_seconds: float) -> bytes:
    """The samples of a recording in which there is something to hear."""
    sound = decode(data, format, sample_rate, max_seconds)
    seconds = len(sound) / 2 / RATE
    if seconds < SHORTEST:
        raise AudioError(
            "audio_invalid", f"Expected at least {SHORTEST:g} seconds of sound, got {seconds:.2f} seconds."
        )
    loudest = int(np.abs(np.frombuffer(sound, np.int16).astype(np.int32)).max())
    if loudest < SILENCE:
        raise AudioError("audio_invalid", "The recording is silent: is the microphone muted?")
    return sound
