"""One picture of a video, as its planes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture in I420, upright. Its planes may be views of a decoder's memory, of any strides.

    Attributes:
        y: Luma, height × width.
        u: Blue difference, ceil(height / 2) × ceil(width / 2).
        v: Red difference, as ``u``.
        captured_at: When it was taken, on the bus's clock (``Bus.now``).
        full_range: True: black is 0 and white 255, as in JPEG. False: 16 and 235, as in video.
    """

    y: Plane
    u: Plane
    v: Plane
    captured_at: datetime
    full_range: bool = False

    @property
    def width(self) -> int:
        return int(self.y.shape[1])

    @property
    def height(self) -> int:
        return int(self.y.shape[0])


def from_i420(
    data: memoryview | bytes | bytearray, width: int, height: int, captured_at: datetime, rotation: int = 0
) -> Picture:
    """A picture over one I420 buffer without padding, as LiveKit has it. Nothing is copied.

    Args:
        data: Y, then U, then V.
        width: Pixels, before the rotation.
        height: Pixels, before the rotation.
        captured_at: On the bus's clock.
        rotation: Degrees by which the picture has to be turned clockwise to be upright: 0, 90, 180 or 270.

    Raises:
        ValueError: The buffer is smaller than that picture.
    """
    flat = np.frombuffer(data, np.uint8)
    half_width, half_height = (width + 1) // 2, (height + 1) // 2
    luma, chroma = width * height, half_width * half_height
    if flat.size < luma + 2 * chroma:
        raise ValueError(
            f"I420 of {width} × {height} takes {luma + 2 * chroma:,} bytes, the buffer has {flat.size:,}"
        )
    y = flat[:luma].reshape(height, width)
    u = flat[luma : luma + chroma].reshape(half_height, half_width)
    v = flat[luma + chroma : luma + 2 * chroma].reshape(half_height, half_width)
    return rotated(Picture(y, u, v, captured_at), rotation)


def rotated(picture: Picture, degrees: int) -> Picture:
    """The picture turned clockwise by a multiple of 90 degrees. The planes are views.

    Raises:
        ValueError: Not a multiple of 90.
    """
    if degrees % 90:
        raise ValueError(f"pictures turn by multiples of 90 degrees, not by {degrees}")
    turns = -degrees // 90 % 4
    if not turns:
        return picture
    y, u, v = (np.rot90(plane, turns) for plane in (picture.y, picture.u, picture.v))
    return Picture(y, u, v, picture.captured_at, picture.full_range)
