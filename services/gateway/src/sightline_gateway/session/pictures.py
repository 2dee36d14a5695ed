"""One picture that a client sent: checked, and looked at as far as that is cheap.

What the client says of it counts for nothing: format and size are those of the bytes.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import cv2
import simplejpeg

from sightline import imaging
from sightline.errors import DecodeError, SightlineError
from sightline.messages import Frame
from sightline.sampling.scene import COLUMNS, ROWS, YUV, Thumbnail, thumbnail
from sightline_gateway.protocol import ErrorCode
from sightline_gateway.settings import MIB

MAX_PUBLISHED = 900_000
"""Bytes of a frame that the bus takes, with room for its headers. Larger pictures are made smaller."""

MAX_SIDE = 1920
JPEG_QUALITY = 80

_DECODERS = ThreadPoolExecutor(4, thread_name_prefix="pictures")
"""Few for all sessions: a picture of some kilobytes may take 50 MB and more while it is decoded."""


class PictureError(SightlineError):
    """A picture cannot be taken.

    Attributes:
        code: As the client is told it: ``frame_too_large`` or ``frame_invalid``.
    """

    def __init__(self, code: ErrorCode, message: str) -> None:
        super().__init__(message)
        self.code = code


class Picture(NamedTuple):
    """A picture as it is published.

    Attributes:
        data: Encoded: as it came, unless the bus would not take it.
        content_type: Of ``data``.
        width: Pixels, of ``data``.
        height: Pixels, of ``data``.
        size: Width and height in pixels, as it came.
        hash: Of the bytes as they came.
        thumbnail: What scenes are judged by.
    """

    data: bytes
    content_type: str
    width: int
    height: int
    size: tuple[int, int]
    hash: str
    thumbnail: Thumbnail


def check_size(size: int, limit: int) -> None:
    """Raises PictureError: a picture of ``size`` bytes is too large."""
    if size > limit:
        raise PictureError(
            "frame_too_large",
            f"Frame too large ({size / MIB:.1f} MB). Maximum allowed: {limit / MIB:.1f} MB",
        )


async def examine(data: bytes, last: Picture | None) -> Picture:
    """Check a picture and look at it, in a thread.

    Args:
        last: The picture before; returned where this is the same, byte for byte.

    Raises:
        PictureError: It is of no known format, has too many pixels, or is broken.
    """
    try:
        return await asyncio.get_running_loop().run_in_executor(_DECODERS, _examine, data, last)
    except DecodeError as error:
        raise PictureError("frame_invalid", f"Frame not taken: {error}") from error


def _examine(data: bytes, last: Picture | None) -> Picture:
    hash = Frame.hash_of(data)
    if last is not None and hash == last.hash:
        return last
    header = imaging.check(data)
    # A JPEG comes out at an eighth of its size; that is all that a thumbnail needs.
    small = thumbnail(YUV.of(imaging.decode(data, min_width=COLUMNS, min_height=ROWS)))
    picture = Picture(data, header.content_type, *header[1:], header[1:], hash, small)
    return picture if len(data) <= MAX_PUBLISHED else _smaller(picture)


def _smaller(picture: Picture) -> Picture:
    """The picture as a JPEG that the bus takes."""
    pixels = imaging.decode(picture.data, min_width=MAX_SIDE, min_height=MAX_SIDE)
    side = MAX_SIDE
    while True:
        height, width = pixels.shape[:2]
        scale = min(1.0, side / max(width, height))
        size = max(1, round(width * scale)), max(1, round(height * scale))
        fitted = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
        encoded: bytes = simplejpeg.encode_jpeg(fitted, quality=JPEG_QUALITY)
        if len(encoded) <= MAX_PUBLISHED:
            return picture._replace(data=encoded, content_type="image/jpeg", width=size[0], height=size[1])
        side //= 2
