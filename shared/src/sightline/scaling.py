"""Pixels made smaller or larger. Needs the extra ``sampling``.

Measured in docs/decisions/0009-scaled-in-two-steps.md.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]

LARGE = 640 * 360
"""Pixels. Smaller ones are scaled in one step, which is closer and takes a fraction of a millisecond."""


def scaled(pixels: Image, width: int, height: int) -> Image:
    """Scale a picture; it stays centred on the same points as with Pillow.

    Args:
        pixels: height × width, or height × width × channels; rows may be padded.
        width: Pixels of the result.
        height: Pixels of the result.

    Returns:
        The picture itself where it has that size already.
    """
    rows, columns = pixels.shape[:2]
    if width > columns or height > rows:
        return _resized(pixels, width, height, cv2.INTER_CUBIC)
    if (boxes := _boxes(columns, rows, min(columns // width, rows // height))) > 1:
        columns, rows = columns // boxes, rows // boxes
        pixels = _resized(pixels, columns, rows, cv2.INTER_AREA)
    # Linear looks at two pixels a side only, which shows where more than that fall into one.
    oblong = columns > 2 * width or rows > 2 * height
    return _resized(pixels, width, height, cv2.INTER_AREA if oblong else cv2.INTER_LINEAR)


def _boxes(columns: int, rows: int, most: int) -> int:
    """The side of boxes whose means are the first step: many times faster than means of parts of pixels."""
    if columns * rows < LARGE:
        return 1
    return max((side for side in range(2, most + 1) if columns % side == 0 == rows % side), default=1)


def _resized(pixels: Image, width: int, height: int, method: int) -> Image:
    if pixels.shape[:2] == (height, width):
        return pixels
    return np.asarray(cv2.resize(pixels, (width, height), interpolation=method), np.uint8)
