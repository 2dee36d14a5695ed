"""A participant who watches and listens to one other, and remembers all of it.

>>> async with Spectator(livekit, room="demo", identity="bob") as bob:
...     avatar = await bob.finds(lambda each: "lk.publish_on_behalf" in each.attributes)
...     await bob.until(lambda: len(bob.pictures) > 10)
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import numpy as np
from livekit import rtc

from support.livekit_publisher import Publisher
from support.scenes import Picture
from support.speech import RATE, Samples

WAIT_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Seen:
    """One picture.

    Attributes:
        pixels: height × width × 3, uint8, RGB.
        heard: How much had been heard when it came, in samples at ``RATE``.
    """

    pixels: Picture
    heard: int


class Spectator(Publisher):
    """Subscribes to all that avatars publish, or to all that the others do. Arguments as a Publisher's."""

    def __init__(self, *arguments: Any, of_avatars: bool = True, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._of_avatars = of_avatars
        self.pictures: list[Seen] = []
        self.left: list[str] = []
        self.sources: set[int] = set()
        self._sound: list[Samples] = []
        self._samples = 0
        self._changed = asyncio.Condition()
        self._tasks: set[asyncio.Task[None]] = set()
        self._taking: dict[str, asyncio.Task[None]] = {}
        self.room.on("track_published", self._subscribe)
        self.room.on("track_subscribed", self._take)
        self.room.on("track_unsubscribed", self._drop)
        self.room.on("participant_connected", lambda _: self._tell())
        self.room.on("participant_attributes_changed", lambda *_: self._tell())
        self.room.on("participant_disconnected", self._on_left)

    async def __aenter__(self) -> Self:
        await super().__aenter__()
        for other in self.room.remote_participants.values():
            for publication in other.track_publications.values():
                self._subscribe(publication, other)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.room.off("track_subscribed", self._take)
        for task in self._tasks:
            # One that ends is closing its stream, which is left open if it is cancelled again.
            if not task.cancelling():
                task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await super().__aexit__(kind, error, trace)

    @property
    def heard(self) -> Samples:
        """All sound so far, silence included."""
        return np.concatenate(self._sound) if self._sound else np.zeros(0, np.int16)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until this holds of what it saw, heard, and of who is there."""
        try:
            async with asyncio.timeout(WAIT_SECONDS), self._changed:
                await self._changed.wait_for(condition)
        except TimeoutError:
            there = {each.identity: dict(each.attributes) for each in self.room.remote_participants.values()}
            raise AssertionError(
                f"{len(self.pictures)} pictures, {self._samples / RATE:.1f} s heard, there: {there}"
            ) from None

    async def finds(self, wanted: Callable[[rtc.RemoteParticipant], bool]) -> rtc.RemoteParticipant:
        """Somebody who is there, now or later."""

        def found() -> list[rtc.RemoteParticipant]:
            return [each for each in self.room.remote_participants.values() if wanted(each)]

        await self.until(lambda: bool(found()))
        return found()[0]

    def _subscribe(self, publication: rtc.RemoteTrackPublication, other: rtc.RemoteParticipant) -> None:
        if ("lk.publish_on_behalf" in other.attributes) is self._of_avatars:
            self.sources.add(publication.source)
            publication.set_subscribed(True)

    def _take(self, track: rtc.Track, *_: object) -> None:
        watch = track.kind == rtc.TrackKind.KIND_VIDEO
        task = asyncio.create_task(self._watch(track) if watch else self._listen(track))
        self._taking[track.sid] = task
        self._keep(task)

    def _drop(self, track: rtc.Track, *_: object) -> None:
        # A stream does not end with its track, but goes on in silence.
        if track.sid in self._taking:
            self._taking.pop(track.sid).cancel()

    async def _watch(self, track: rtc.Track) -> None:
        stream = rtc.VideoStream(track, format=rtc.VideoBufferType.RGB24, capacity=2)
        async with contextlib.aclosing(stream):  # type: ignore[type-var]
            async for event in stream:
                frame = event.frame
                pixels = np.frombuffer(frame.data, np.uint8).reshape(frame.height, frame.width, 3).copy()
                self.pictures.append(Seen(pixels, self._samples))
                await self._notify()

    async def _listen(self, track: rtc.Track) -> None:
        stream = rtc.AudioStream(track, sample_rate=RATE, num_channels=1)
        async with contextlib.aclosing(stream):  # type: ignore[type-var]
            async for event in stream:
                self._sound.append(np.frombuffer(event.frame.data, np.int16).copy())
                self._samples += len(self._sound[-1])
                await self._notify()

    def _on_left(self, other: rtc.RemoteParticipant) -> None:
        self.left.append(other.identity)
        self._tell()

    def _tell(self) -> None:
        self._keep(asyncio.create_task(self._notify()))

    async def _notify(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    def _keep(self, task: asyncio.Task[None]) -> None:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
