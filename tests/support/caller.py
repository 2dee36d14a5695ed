"""A participant who speaks and listens, at the pace of real speech.

>>> async with Caller(livekit, room="demo", identity="alice") as alice:
...     await alice.say("What do I hold?")
...     await alice.hears("You hold a red mug.")
"""

from __future__ import annotations

import asyncio
import contextlib
from types import TracebackType
from typing import Any, Self

import numpy as np
from livekit import rtc

from support.livekit_publisher import Publisher
from support.speech import RATE, Samples, is_heard, recognised_in, resampled, seconds_of_sound, spoken

MICROPHONE_RATE = 48_000
PIECE_MS = 20
QUEUE_MS = 100
"""Sound on its way to the room: little, so that what is said is heard at once."""

HEARD_MS = 200
"""Sound that is listened to at once."""


class Caller(Publisher):
    """A Publisher with a voice, and ears for everybody else's. Arguments as a Publisher's."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._heard: list[Samples] = []
        self._hearing = asyncio.Condition()
        self._words: asyncio.Queue[tuple[Samples, asyncio.Event]] = asyncio.Queue()
        self._tasks: list[asyncio.Task[None]] = []
        self.room.on("track_published", self._subscribe)
        self.room.on("track_subscribed", self._listen)

    async def __aenter__(self) -> Self:
        await super().__aenter__()
        for other in self.room.remote_participants.values():
            for publication in other.track_publications.values():
                self._subscribe(publication, other)
        await self._open_microphone()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await super().__aexit__(kind, error, trace)

    async def say(self, sentence: str) -> None:
        """Speak; returns when it is said."""
        said = asyncio.Event()
        self._words.put_nowait((spoken(sentence), said))
        await said.wait()

    async def hears(self, sentence: str, *others: str) -> None:
        """Wait until somebody has said this, and not one of the others, since the last ``forget``."""
        async with self._hearing:
            await self._hearing.wait_for(lambda: sentence in recognised_in(self.heard, [sentence, *others]))

    async def hears_so_much(self, seconds: float) -> None:
        """Wait until somebody has spoken for so long since the last ``forget``."""
        async with self._hearing:
            await self._hearing.wait_for(lambda: seconds_of_sound(self.heard) >= seconds)

    async def hears_a_voice(self) -> None:
        """Wait until somebody has said anything since the last ``forget``."""
        async with self._hearing:
            await self._hearing.wait_for(lambda: is_heard(self.heard))

    def forget(self) -> None:
        """Forget what was heard so far."""
        self._heard.clear()

    @property
    def heard(self) -> Samples:
        """All sound since the last ``forget``, silence included."""
        return np.concatenate(self._heard) if self._heard else np.zeros(0, np.int16)

    async def _open_microphone(self) -> None:
        source = rtc.AudioSource(MICROPHONE_RATE, 1, queue_size_ms=QUEUE_MS)
        track = rtc.LocalAudioTrack.create_audio_track("voice", source)
        options = rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE)
        await self.room.local_participant.publish_track(track, options)
        self._tasks.append(asyncio.create_task(self._send(source)))

    async def _send(self, source: rtc.AudioSource) -> None:
        """Silence, and words when there are some; the source sets the pace."""
        try:
            while True:
                if self._words.empty():
                    await source.capture_frame(_SILENCE)
                    continue
                words, said = self._words.get_nowait()
                for piece in _pieces(words):
                    await source.capture_frame(piece)
                said.set()
        finally:
            await source.aclose()

    def _subscribe(self, publication: rtc.RemoteTrackPublication, _: rtc.RemoteParticipant) -> None:
        if publication.kind == rtc.TrackKind.KIND_AUDIO:
            publication.set_subscribed(True)

    def _listen(self, track: rtc.Track, *_: object) -> None:
        self._tasks.append(asyncio.create_task(self._take(track)))

    async def _take(self, track: rtc.Track) -> None:
        stream = rtc.AudioStream(track, sample_rate=RATE, num_channels=1, frame_size_ms=HEARD_MS)
        async with contextlib.aclosing(stream):  # type: ignore[type-var]
            async for event in stream:
                async with self._hearing:
                    self._heard.append(np.frombuffer(event.frame.data, np.int16).copy())
                    self._hearing.notify_all()


def _pieces(samples: Samples) -> list[rtc.AudioFrame]:
    """A sound as the microphone sends it."""
    sound = resampled(samples, RATE, MICROPHONE_RATE)
    return [_frame(piece) for piece in np.pad(sound, (0, -len(sound) % _PIECE)).reshape(-1, _PIECE)]


def _frame(piece: Samples) -> rtc.AudioFrame:
    return rtc.AudioFrame(piece.tobytes(), MICROPHONE_RATE, 1, len(piece))


_PIECE = MICROPHONE_RATE * PIECE_MS // 1000
_SILENCE = _frame(np.zeros(_PIECE, np.int16))
