"""Sources as FFmpeg opens them, and their frames as pictures."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from types import TracebackType
from typing import Any, Self

import av
import av.error
import numpy as np

from sightline.errors import SightlineError
from sightline.log import get_logger
from sightline_ingest.picture import Picture, Plane, rotated

log = get_logger()

OPEN_SECONDS, READ_SECONDS = 10.0, 5.0

CAMERAS = "/dev/video"
STREAMS = ("rtsp", "rtsps", "rtmp", "rtmps", "srt", "udp", "rtp", "http", "https")

_FULL_RANGE = 2
_PLANAR = ("yuv420p", "yuvj420p")


class SourceError(SightlineError):
    """A source of video cannot be opened, or has no video."""


class Opened:
    """A source that is open. A context manager that closes it.

    Attributes:
        is_live: A camera or stream, which has no end of its own; otherwise a recording.
    """

    def __init__(self, container: Any, is_live: bool) -> None:
        self.is_live = is_live
        self._container = container
        self._stream = container.streams.video[0]
        self._stream.thread_type = "AUTO"

    def packets(self) -> Iterator[Any]:
        """Its packets, until it is over or breaks off."""
        try:
            yield from self._container.demux(self._stream)
        except av.error.FFmpegError as error:
            log.warning("source_broke_off", reason=str(error))

    def decode(self, packet: Any) -> list[av.VideoFrame]:
        """The frames that a packet completes; none where it is broken."""
        try:
            return list(packet.decode())
        except av.error.FFmpegError as error:
            log.debug("packet_skipped", reason=str(error))
            return []

    def forget(self) -> None:
        """The packets before the next one were not decoded."""
        self._stream.codec_context.flush_buffers()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._container.close()


def open_source(url: str) -> Opened:
    """Open a source. Blocks, for ten seconds at most.

    Args:
        url: A file, a camera device, or the address of a stream.

    Raises:
        SourceError: It says what was tried, and why it failed.
    """
    scheme = url.partition("://")[0].lower() if "://" in url else ""
    is_camera = url.startswith(CAMERAS)
    options = {"rtsp_transport": "tcp"} if scheme.startswith("rtsp") else {}
    try:
        container = av.open(
            url,
            format="v4l2" if is_camera else None,
            options=options,
            timeout=(OPEN_SECONDS, READ_SECONDS),
        )
    except (av.error.FFmpegError, OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise SourceError(
            f"cannot open {_without_password(url)}: {reason}. Expected a video file, a camera "
            f"({CAMERAS}0) or the address of a stream ({', '.join(STREAMS)})"
        ) from error
    if not container.streams.video:
        container.close()
        raise SourceError(f"{_without_password(url)} has no video in it: expected a source of video")
    return Opened(container, is_camera or (scheme in STREAMS and container.duration is None))


def to_picture(frame: av.VideoFrame, captured_at: datetime) -> Picture:
    """A decoded frame, upright. The planes are views of it where it is 8-bit 4:2:0."""
    # FFmpeg tells the turn that was made, counter-clockwise; undo it.
    turn = -round(frame.rotation)
    if frame.format.name not in _PLANAR:
        frame = frame.reformat(format="yuv420p")
    full_range = frame.format.name == "yuvj420p" or frame.color_range == _FULL_RANGE
    y, u, v = (_plane(plane) for plane in frame.planes)
    return rotated(Picture(y, u, v, captured_at, full_range), turn - turn % 90)


def _plane(plane: Any) -> Plane:
    rows = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)
    return rows[: plane.height, : plane.width]


def _without_password(url: str) -> str:
    scheme, separator, rest = url.partition("://")
    return f"{scheme}{separator}{rest.rpartition('@')[2]}" if separator else url
