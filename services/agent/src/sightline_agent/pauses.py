"""Hears that somebody who speaks falls silent, before LiveKit is sure that they have stopped.

LiveKit's voice activity detection waits for 0.2 to 0.4 s more of silence. In that time a camera can be looked
at, and what it shows be described. A pause that is none costs one look.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from livekit import rtc
from livekit.agents import AgentSession
from livekit.agents.voice.io import AudioInput
from numpy.typing import NDArray

PAUSE_SECONDS = 0.12
"""Of silence; what lies between the syllables of a sentence is shorter."""

STEP = 100
"""Steps a second in which it is listened to."""

QUIET = 0.1
"""Of the loudness of the speech before: 20 dB less."""

FORGET_SECONDS = 3.0
"""After which loud speech counts half as much: people move away from microphones."""


class Pauses:
    """Finds pauses in what a microphone hears, whatever its noise and gain."""

    def __init__(self) -> None:
        self._loudest = 0.0
        self._silence = PAUSE_SECONDS

    def hear(self, frame: rtc.AudioFrame) -> bool:
        """Hear a little more: some 10 to 100 ms.

        Args:
            frame: 16-bit samples of any rate and number of channels.

        Returns:
            Whether a pause began in it: once for each.
        """
        samples = np.frombuffer(frame.data, dtype=np.int16)
        step = max(1, frame.sample_rate // STEP) * frame.num_channels
        began = [self._step(samples[at : at + step], step) for at in range(0, samples.size, step)]
        return any(began) and self._silence > 0

    def _step(self, samples: NDArray[np.int16], whole: int) -> bool:
        """Some 10 ms. Returns whether a pause began in them."""
        seconds = samples.size / whole / STEP
        loudness = float(np.sqrt(np.mean(np.square(samples, dtype=np.float32))))
        self._loudest = max(loudness, self._loudest * 0.5 ** (seconds / FORGET_SECONDS))
        if loudness > QUIET * self._loudest:
            self._silence = 0.0
            return False
        before, self._silence = self._silence, self._silence + seconds
        return before < PAUSE_SECONDS <= self._silence


class Ears:
    """Hears what a session's agent hears, from ``open`` to ``close``; what it hears stays as it is.

    Args:
        on_pause: Called as whoever speaks falls silent.
    """

    def __init__(self, session: AgentSession[Any], on_pause: Callable[[], None]) -> None:
        self._session = session
        self._on_pause = on_pause
        self._input: _Overheard | None = None

    @property
    def hear(self) -> bool:
        """Whether there was any sound, be it silence, since ``open``."""
        return self._input is not None and self._input.has_heard

    def open(self) -> None:
        """Begin to hear; nothing where the session has no audio, as in a room of text."""
        source = self._session.input.audio
        if source is not None and self._input is None:
            self._input = _Overheard(source, self._on_pause)
            self._session.input.audio = self._input

    def close(self) -> None:
        """Hear no more. Where somebody else has wrapped our input since, it stays, and is deaf."""
        heard, self._input = self._input, None
        if heard is None:
            return
        heard.on_pause = None
        if self._session.input.audio is heard:
            self._session.input.audio = heard.source


class _Overheard(AudioInput):
    """Somebody's input, which is listened to as it passes."""

    def __init__(self, source: AudioInput, on_pause: Callable[[], None] | None) -> None:
        super().__init__(label="Sightline", source=source)
        self.on_pause = on_pause
        self.has_heard = False
        self._pauses = Pauses()

    async def __anext__(self) -> rtc.AudioFrame:
        frame = await super().__anext__()
        self.has_heard = True
        if self.on_pause is not None and self._pauses.hear(frame):
            self.on_pause()
        return frame
