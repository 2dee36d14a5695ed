"""I420 planes -> JPEG, without a detour over RGB."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
import simplejpeg

from sightline.scaling import scaled
from sightline_ingest.picture import Picture, Plane

LEAST_QUALITY = 30
QUALITY_STEP = 15

# JPEG's levels are 0 to 255, video's 16 to 235 (luma) and 16 to 240 (chroma): factor, and what is added.
_LUMA = (255 / 219, -16 * 255 / 219)
_CHROMA = (255 / 224, 128 - 128 * 255 / 224)


class Encoded(NamedTuple):
    """A JPEG and its size in pixels."""

    data: bytes
    width: int
    height: int


def encode(picture: Picture, max_width: int, quality: int, max_bytes: int) -> Encoded:
    """Encode a picture. Blocks for 2 ms at 1280 × 720: call it in a thread.

    Args:
        picture: Odd sizes are rounded up to even ones.
        max_width: Wider pictures are scaled down, in proportion.
        quality: 1 to 100.
        max_bytes: Where the JPEG is larger, the quality is lowered, and then the size.
    """
    planes = _scaled(picture, min(max_width, picture.width))
    encoded = _encode(planes, picture.full_range, quality)
    while len(encoded.data) > max_bytes and (quality > LEAST_QUALITY or encoded.width > 2):
        if quality > LEAST_QUALITY:
            quality = max(LEAST_QUALITY, quality - QUALITY_STEP)
        else:
            planes = _scaled(picture, encoded.width * 2 // 3)
        encoded = _encode(planes, picture.full_range, quality)
    return encoded


def _encode(planes: tuple[Plane, Plane, Plane], full_range: bool, quality: int) -> Encoded:
    y, u, v = planes if full_range else _full_range(planes)
    data = simplejpeg.encode_jpeg_yuv_planes(y, u, v, quality)
    return Encoded(data, width=y.shape[1], height=y.shape[0])


def _full_range(planes: tuple[Plane, Plane, Plane]) -> tuple[Plane, Plane, Plane]:
    y, u, v = planes
    return _stretched(y, *_LUMA), _stretched(u, *_CHROMA), _stretched(v, *_CHROMA)


def _stretched(plane: Plane, factor: float, offset: float) -> Plane:
    # The plane once more, times nothing: rounds and saturates as a table of levels does, in half the time.
    return np.asarray(cv2.addWeighted(plane, factor, plane, 0, offset), np.uint8)


def _scaled(picture: Picture, width: int) -> tuple[Plane, Plane, Plane]:
    """The planes at an even size of about that width, their rows contiguous."""
    width = _even(width)
    height = _even(round(picture.height * width / picture.width))
    if width >= picture.width:
        return _padded(picture)
    half = (width // 2, height // 2)
    y, u, v = (_contiguous(each) for each in (picture.y, picture.u, picture.v))
    return scaled(y, width, height), scaled(u, *half), scaled(v, *half)


def _padded(picture: Picture) -> tuple[Plane, Plane, Plane]:
    # The encoder reads whole 2 × 2 blocks: beyond the end of a plane of odd size.
    right, bottom = picture.width % 2, picture.height % 2
    y = _contiguous(picture.y)
    if right or bottom:
        y = np.asarray(cv2.copyMakeBorder(y, 0, bottom, 0, right, cv2.BORDER_REPLICATE), np.uint8)
    return y, _contiguous(picture.u), _contiguous(picture.v)


def _contiguous(plane: Plane) -> Plane:
    """Rows padded by a decoder may stay, other strides (of a turned picture) may not."""
    return plane if plane.strides[1] == 1 and plane.strides[0] > 0 else np.ascontiguousarray(plane)


def _even(size: int) -> int:
    return max(2, size + size % 2)
