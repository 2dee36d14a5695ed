"""Recordings as clients make them, and speech as they get it."""

from __future__ import annotations

import asyncio
import base64
import io
from typing import Any

import av
import numpy as np
from livekit import rtc

from sightline_gateway.protocol import AudioChunk
from support.speech import RATE, Samples

# Name -> container, encoder and options. MediaRecorder makes the first three, and the fragmented MP4.
CONTAINERS: dict[str, tuple[str, str, dict[str, str]]] = {
    "webm": ("webm", "libopus", {}),
    "ogg": ("ogg", "libopus", {}),
    "mp4 in fragments": ("mp4", "aac", {"movflags": "frag_keyframe+empty_moov+default_base_moof"}),
    "mp4": ("mp4", "aac", {}),
    "m4a": ("ipod", "aac", {}),
    "mp3": ("mp3", "libmp3lame", {}),
    "mp3 without tags": ("mp3", "libmp3lame", {"id3v2_version": "0", "write_xing": "0"}),
    "wav": ("wav", "pcm_s16le", {}),
    "wav of floats": ("wav", "pcm_f32le", {}),
    "flac": ("flac", "flac", {}),
    "aac": ("adts", "aac", {}),
}


def recorded(samples: Samples, kind: str, rate: int = 48_000, layout: str = "stereo") -> bytes:
    """Speech at ``RATE``, in one of ``CONTAINERS``."""
    container_format, encoder, options = CONTAINERS[kind]
    file = io.BytesIO()
    with av.open(file, "w", format=container_format, options=options) as container:
        stream: Any = container.add_stream(encoder, rate=rate, layout=layout)
        sound = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout="mono")
        sound.sample_rate = RATE
        container.mux(stream.encode(sound))
        container.mux(stream.encode(None))
    return file.getvalue()


def played(data: bytes) -> Samples:
    """What a player makes of a file by itself, at ``RATE``."""
    resampler = av.AudioResampler(format="s16", layout="mono", rate=RATE)
    with av.open(io.BytesIO(data)) as container:
        frames = [piece for frame in container.decode(audio=0) for piece in resampler.resample(frame)]
    frames += resampler.resample(None)
    return np.concatenate([frame.to_ndarray().reshape(-1) for frame in frames])


def frames_of(samples: Samples, seconds: float = 0.05) -> list[rtc.AudioFrame]:
    """Speech at ``RATE`` as a text-to-speech model brings it."""
    size = int(seconds * RATE)
    pieces = [samples[at : at + size] for at in range(0, len(samples), size)]
    return [rtc.AudioFrame(piece.tobytes(), RATE, 1, len(piece)) for piece in pieces]


class Client:
    """Keeps the messages that a client is sent."""

    def __init__(self) -> None:
        self.messages: list[Any] = []
        self._changed = asyncio.Condition()
        self._tasks: set[asyncio.Task[None]] = set()

    def take(self, message: Any) -> None:
        self.messages.append(message)
        task = asyncio.create_task(self._tell())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def has(self, kind: type[Any], count: int = 1) -> list[Any]:
        """Wait until so many messages of a kind have come; returns all of that kind."""
        async with self._changed:
            await self._changed.wait_for(lambda: len(self.of(kind)) >= count)
        return self.of(kind)

    def of(self, kind: type[Any]) -> list[Any]:
        return [message for message in self.messages if isinstance(message, kind)]

    @property
    def types(self) -> list[str]:
        """The messages' types, without repetitions."""
        types = [message.type for message in self.messages]
        return [each for at, each in enumerate(types) if at == 0 or types[at - 1] != each]

    @property
    def sounds(self) -> list[Samples]:
        """Each chunk, played by itself."""
        return [played(base64.b64decode(chunk.data)) for chunk in self.of(AudioChunk)]

    async def _tell(self) -> None:
        async with self._changed:
            self._changed.notify_all()
