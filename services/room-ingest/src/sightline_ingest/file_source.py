"""A file, camera device or network stream, played for a track's sampler.

FFmpeg (PyAV) decodes in a thread of its own; pictures stay planes and are never turned into RGB.
A recording waits while no stage runs, so that its beginning is not lost. A camera or stream goes on,
undecoded.
"""

from __future__ import annotations

import asyncio
import random
import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime

import av
import av.error

from sightline.log import get_logger
from sightline_ingest.decoding import Opened, SourceError, open_source, to_picture
from sightline_ingest.sampler import TrackSampler

log = get_logger()

SHOW_SECONDS = 0.1
"""Between pictures shown, of a source at its own speed. The sampler looks at fewer."""

BACKOFF_SECONDS = (0.5, 10.0)


class VideoSource:
    """Plays one source, once."""

    def __init__(
        self, url: str, clock: Callable[[], datetime], loop: bool = False, realtime: bool = True
    ) -> None:
        """No I/O.

        Args:
            url: A file, a camera device (``/dev/video0``), or an RTSP, RTMP, SRT, HTTP or UDP address.
            clock: The time of pictures: ``Bus.now``.
            loop: A recording begins again at its end.
            realtime: A recording plays at its own speed, not as fast as it is decoded. Cameras and
                streams always do.
        """
        self._url, self._clock, self._loops, self._realtime = url, clock, loop, realtime
        self._stop = threading.Event()
        self._wanted = threading.Event()
        self._eager = False

    async def play(self, sampler: TrackSampler) -> None:
        """Show pictures until the source is over. Cancel to stop.

        A stream that breaks off is opened again, for ever, ever more slowly.

        Raises:
            SourceError: The source cannot be opened in the first place, or has no video.
        """
        loop = asyncio.get_running_loop()

        def show(frame: av.VideoFrame) -> None:
            picture = to_picture(frame, self._clock())
            loop.call_soon_threadsafe(sampler.show, picture)

        following = asyncio.create_task(self._follow(sampler))
        playing = _in_thread(self._play, show)
        try:
            await asyncio.shield(playing)
        finally:
            following.cancel()
            self._stop.set()
            self._wanted.set()
            # Reads are bounded, so the thread ends; its pictures must not outlive the loop.
            await asyncio.wait([playing, following])

    async def _follow(self, sampler: TrackSampler) -> None:
        demand = sampler.demand
        while True:
            self._eager = demand.interval == 0
            (self._wanted.clear if demand.interval is None else self._wanted.set)()
            demand = await sampler.demand_changed(demand)

    def _play(self, show: Callable[[av.VideoFrame], None]) -> None:
        opened = open_source(self._url)
        while not self._stop.is_set():
            is_live = opened.is_live
            with opened:
                self._play_once(opened, show)
            if is_live:
                log.warning("source_lost")
                reopened = self._reopen()
                if reopened is None:
                    return
                opened = reopened
                log.info("source_back")
            elif self._loops and not self._stop.is_set():
                opened = open_source(self._url)
            else:
                return

    def _reopen(self) -> Opened | None:
        """Open again what was lost. None: stopped."""
        pause, longest = BACKOFF_SECONDS
        while not self._stop.wait(pause * random.uniform(0.75, 1.25)):
            try:
                return open_source(self._url)
            except SourceError as error:
                log.debug("source_still_lost", reason=str(error))
            pause = min(pause * 2, longest)
        return None

    def _play_once(self, opened: Opened, show: Callable[[av.VideoFrame], None]) -> None:
        pace = _Pace(self._stop) if self._realtime and not opened.is_live else None
        shown_at = float("-inf")
        frames = self._live_frames(opened) if opened.is_live else self._recorded_frames(opened)
        for frame in frames:
            if pace is not None:
                pace.wait(frame.time)
            now = time.monotonic()
            if self._stop.is_set():
                return
            if self._eager or not (self._realtime or opened.is_live) or now >= shown_at + SHOW_SECONDS:
                shown_at = now
                show(frame)

    def _recorded_frames(self, opened: Opened) -> Iterator[av.VideoFrame]:
        for packet in opened.packets():
            self._wanted.wait()
            if self._stop.is_set():
                return
            yield from opened.decode(packet)

    def _live_frames(self, opened: Opened) -> Iterator[av.VideoFrame]:
        is_skipping = False
        for packet in opened.packets():
            if self._stop.is_set():
                return
            if not self._wanted.is_set():
                is_skipping = True
                continue
            if is_skipping:
                # Pictures between keyframes are differences to ones that were not decoded.
                if not packet.is_keyframe:
                    continue
                opened.forget()
                is_skipping = False
            yield from opened.decode(packet)


def _in_thread(work: Callable[..., None], *arguments: object) -> asyncio.Future[None]:
    """Run something long in a thread of its own: the pools are for what is soon done."""
    loop = asyncio.get_running_loop()
    done = loop.create_future()

    def target() -> None:
        try:
            work(*arguments)
        except BaseException as error:
            loop.call_soon_threadsafe(done.set_exception, error)
        else:
            loop.call_soon_threadsafe(done.set_result, None)

    threading.Thread(target=target, name="video-source", daemon=True).start()
    return done


class _Pace:
    """Holds frames back until their time."""

    JUMP_SECONDS = 10.0
    LATE_SECONDS = 1.0

    def __init__(self, stop: threading.Event) -> None:
        self._stop = stop
        self._start: float | None = None

    def wait(self, at: float | None) -> None:
        """Wait until the time of a frame, in seconds since some beginning."""
        if at is None:
            return
        now = time.monotonic()
        ahead = 0.0 if self._start is None else self._start + at - now
        if self._start is None or not -self.LATE_SECONDS < ahead < self.JUMP_SECONDS:
            # The first frame, a jump in the recording's clock, or it was paused: go on from here.
            self._start = now - at
        else:
            self._stop.wait(max(0.0, ahead))
