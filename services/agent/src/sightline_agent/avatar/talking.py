"""The voice in; the same voice out, with a face in time with it."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from functools import cache

import numpy as np
from livekit import rtc
from livekit.agents.voice.avatar import AudioSegmentEnd, VideoGenerator
from numpy.typing import NDArray

from sightline_agent.avatar.face import drawn
from sightline_agent.avatar.movement import Eyes, Mouth

RATE = 24_000
"""Samples a second: what most voices have. Mono."""

REST_FPS = 10
"""Pictures a second while nobody speaks: enough to blink."""

CLOSING = 2
"""Pictures of a closing mouth after the last word."""

CLEAR_SECONDS = 0.5
"""What is on its way out when the buffer is cleared takes less."""

Samples = NDArray[np.int16]
Shown = rtc.VideoFrame | rtc.AudioFrame | AudioSegmentEnd


class TalkingFace(VideoGenerator):
    """Pictures for whatever is said, and pictures of a face at rest in between.

    Args:
        size: Width and height of the pictures.
        fps: Pictures a second while it speaks. The sound comes out in pieces of the same length.

    Attributes:
        synchronizer: What shows the pictures and plays the sound, where something does.
    """

    def __init__(self, size: int, fps: int) -> None:
        self.synchronizer: rtc.AVSynchronizer | None = None
        self._size = size
        self._piece = RATE // fps
        self._heard: asyncio.Queue[rtc.AudioFrame | AudioSegmentEnd] = asyncio.Queue()
        self._ready: deque[Shown] = deque()
        self._rest: Samples = np.zeros(0, np.int16)
        self._ends = False
        self._mouth, self._eyes = Mouth(), Eyes()
        self._taken = asyncio.Event()

    async def push_audio(self, frame: rtc.AudioFrame | AudioSegmentEnd) -> None:
        """Never waits: what is buffered is cleared here and not at the sender."""
        self._heard.put_nowait(frame)

    async def clear_buffer(self) -> None:
        """Say nothing of what was not yet said.

        Returns once the piece that was on its way out is out: the runner counts it, and begins to count
        anew only then. Counted later, it would keep the next segment from being told as begun.
        """
        while not self._heard.empty():
            self._heard.get_nowait()
        self._ready.clear()
        self._rest = self._rest[:0]
        self._ends = False
        self._mouth.close()
        try:
            async with asyncio.timeout(CLEAR_SECONDS):
                if self.synchronizer is not None:
                    await self.synchronizer.clear_queue()
                await self._taken.wait()
        except TimeoutError:
            # Nobody takes pictures yet: there is nothing on its way.
            return

    def __aiter__(self) -> AsyncIterator[Shown]:
        return self

    async def __anext__(self) -> Shown:
        self._taken.set()
        while not self._ready:
            self._ready += await self._next()
        self._taken.clear()
        return self._ready.popleft()

    async def _next(self) -> list[Shown]:
        if self._ends:
            # The agent takes this for the end of what is heard.
            await self._played()
            self._ends = False
            return [AudioSegmentEnd()]
        try:
            async with asyncio.timeout(1 / REST_FPS):
                heard = await self._heard.get()
        except TimeoutError:
            await self._played()
            if self.synchronizer is not None:
                # Pictures at rest have a pace of their own; they are not late.
                self.synchronizer.reset()
            return [self._picture(0)]
        if isinstance(heard, AudioSegmentEnd):
            return self._end()
        return self._speak(heard)

    async def _played(self) -> None:
        """All that came out was played and shown."""
        if self.synchronizer is not None:
            await self.synchronizer.wait_for_playout()

    def _speak(self, frame: rtc.AudioFrame) -> list[Shown]:
        samples = np.concatenate([self._rest, _mono(frame)])
        whole = len(samples) // self._piece * self._piece
        self._rest = samples[whole:]
        return [shown for piece in samples[:whole].reshape(-1, self._piece) for shown in self._sound(piece)]

    def _end(self) -> list[Shown]:
        rest, self._rest = self._rest, self._rest[:0]
        last = self._sound(rest) if len(rest) else []
        silence = np.zeros(self._piece, np.int16)
        closing = [self._picture(self._mouth.follow(silence)) for _ in range(CLOSING)]
        self._mouth.close()
        self._ends = True
        return [*last, *closing]

    def _sound(self, piece: Samples) -> list[Shown]:
        audio = rtc.AudioFrame(piece.tobytes(), RATE, 1, len(piece))
        return [self._picture(self._mouth.follow(piece)), audio]

    def _picture(self, mouth: int) -> rtc.VideoFrame:
        return frame(self._size, mouth, self._eyes.lids(asyncio.get_running_loop().time()))


@cache
def frame(size: int, mouth: int, lids: int) -> rtc.VideoFrame:
    """One look of the face, as it is sent; one for all rooms of this process."""
    picture = drawn(size, mouth, lids)
    colours = rtc.VideoFrame(size, size, rtc.VideoBufferType.RGB24, picture.tobytes())
    return colours.convert(rtc.VideoBufferType.I420)


def _mono(frame: rtc.AudioFrame) -> Samples:
    samples: Samples = np.frombuffer(frame.data, np.int16)
    if frame.num_channels > 1:
        samples = samples.reshape(-1, frame.num_channels).mean(axis=1).astype(np.int16)
    return samples
