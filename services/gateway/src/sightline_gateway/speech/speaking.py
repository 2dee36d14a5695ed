"""A reply's speech on its way to a client: pieces that can be played one by one, as they are made.

The client plays them, and does not tell how far it is. So that is estimated: each piece begins as it is sent
or, when the one before it still plays, behind that. A conversation goes on when the last one is over, and
an interruption knows what was heard.
"""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import Callable

from livekit import rtc
from livekit.agents.voice.io import AudioOutput, AudioOutputCapabilities

from sightline.log import get_logger
from sightline_gateway.protocol import (
    AudioChunk,
    SpeechInterrupted,
    SpeechStreamEnd,
    SpeechStreamStart,
)
from sightline_gateway.settings import SpeechFormat
from sightline_gateway.speech.synthesis import encode, mono

log = get_logger()

RATE = 24_000
"""Samples a second that are sent."""

FIRST_PIECE, LONGEST_PIECE = 0.25, 1.0
"""Seconds. Speech starts soon; each piece is twice as long as the one before, up to the longest."""

AHEAD = 5.0
"""Seconds of speech that a client is sent before it plays them: what it would have to throw away."""

INTERRUPTED = "interrupted"
"""The reason where none is told."""

SpeechMessage = SpeechStreamStart | AudioChunk | SpeechStreamEnd | SpeechInterrupted
Emit = Callable[[SpeechMessage], object]


class SpokenOutput(AudioOutput):
    """What an ``AgentSession`` says, as messages to a client: ``session.output.audio = SpokenOutput(emit)``.

    Of each stretch of speech: ``speech_stream_start``, ``audio_chunk``…, ``speech_stream_end``; or, once it
    is interrupted, ``speech_interrupted`` and nothing more of it.

    Args:
        emit: Called on the event loop with each message.
        format: Of the chunks: ``wav``, ``mp3``, or ``opus`` (in Ogg). Each is a file of its own.

    Attributes:
        reason: Why the speech in progress is about to be interrupted, for ``speech_interrupted``.
    """

    def __init__(self, emit: Emit, format: SpeechFormat = "wav") -> None:
        super().__init__(label="Gateway", capabilities=AudioOutputCapabilities(pause=False), sample_rate=RATE)
        self._emit, self._format = emit, format
        self._speech: _Speech | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.reason = INTERRUPTED

    async def capture_frame(self, frame: rtc.AudioFrame) -> None:
        """Take 16 bit samples at ``RATE``. What came before ``flush`` is played to its end first."""
        while self._speech is not None and self._speech.complete:
            await self._speech.over.wait()
        await super().capture_frame(frame)
        if self._speech is None:
            self.reason = INTERRUPTED
            self._speech = _Speech(self._emit, self._format, self._on_started)
            task = asyncio.create_task(self._play(self._speech), name="spoken-reply")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        self._speech.add(mono(frame))

    def flush(self) -> None:
        super().flush()
        if self._speech is not None:
            self._speech.end()

    def clear_buffer(self) -> None:
        """Say no more. Frames that still come before ``flush`` are dropped."""
        if self._speech is not None:
            self._speech.interrupt(self.reason)

    async def aclose(self) -> None:
        """Say no more, and leave nothing behind. The session that speaks is closed before."""
        self.clear_buffer()
        self.flush()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _on_started(self) -> None:
        self.on_playback_started(created_at=time.time())

    async def _play(self, speech: _Speech) -> None:
        try:
            await speech.play()
        finally:
            self._speech = None
            speech.over.set()
            self.on_playback_finished(playback_position=speech.position, interrupted=speech.interrupted)


class _Speech:
    """One stretch of speech, from its first frame until it was heard, or interrupted."""

    def __init__(self, emit: Emit, format: SpeechFormat, on_started: Callable[[], None]) -> None:
        self._emit, self._format, self._on_started = emit, format, on_started
        self._samples, self._piece_seconds = bytearray(), FIRST_PIECE
        self._pieces: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._sent, self._seconds, self._ends_at = 0, 0.0, 0.0
        self._complete = asyncio.Event()
        self._sending = asyncio.create_task(self._send(), name="speech-pieces")
        self.over = asyncio.Event()
        self.interrupted = False
        self.position = 0.0  # Seconds that were heard, once it is over.

    @property
    def complete(self) -> bool:
        return self._complete.is_set()

    def add(self, samples: bytes) -> None:
        if self.interrupted:
            return
        self._samples += samples
        while len(self._samples) >= (size := _bytes_of(self._piece_seconds)):
            self._pieces.put_nowait(bytes(self._samples[:size]))
            del self._samples[:size]
            self._piece_seconds = min(2 * self._piece_seconds, LONGEST_PIECE)

    def end(self) -> None:
        """No more comes."""
        if not self.complete:
            self._complete.set()
            self._pieces.put_nowait(bytes(self._samples) or None)
            self._pieces.put_nowait(None)

    def interrupt(self, reason: str) -> None:
        if not self.interrupted and not self._sending.done():
            self._stop()
            if self._sent:
                self._emit(SpeechInterrupted(reason=reason))

    async def play(self) -> None:
        """Until all of it was heard; or it was interrupted, and what comes of it anyway has come."""
        try:
            await asyncio.wait([self._sending])
            if not self._sending.cancelled() and (error := self._sending.exception()):
                log.error("speech_not_sent", exc_info=error)
                self._stop()
                self._emit(SpeechInterrupted(reason="error"))
            await self._complete.wait()
        finally:
            self._sending.cancel()

    async def _send(self) -> None:
        while (piece := await self._pieces.get()) is not None:
            await _until(self._ends_at - AHEAD)
            self._tell(await asyncio.to_thread(_encoded, piece, self._format), len(piece))
        if self._sent:
            self._emit(SpeechStreamEnd())
        await _until(self._ends_at)
        self.position = self._seconds

    def _tell(self, data: str, size: int) -> None:
        if not self._sent:
            self._emit(SpeechStreamStart())
            self._on_started()
        self._emit(AudioChunk(chunk_id=self._sent, data=data, format=self._format))
        seconds = size / _bytes_of(1)
        self._sent, self._seconds = self._sent + 1, self._seconds + seconds
        self._ends_at = max(self._ends_at, time.monotonic()) + seconds

    def _stop(self) -> None:
        self.interrupted = True
        self.position = max(0.0, self._seconds - max(0.0, self._ends_at - time.monotonic()))
        self._sending.cancel()
        self._samples.clear()


def _encoded(samples: bytes, format: SpeechFormat) -> str:
    return base64.b64encode(encode(samples, RATE, format)).decode()


def _bytes_of(seconds: float) -> int:
    return 2 * int(seconds * RATE)


async def _until(moment: float) -> None:
    await asyncio.sleep(max(0.0, moment - time.monotonic()))
