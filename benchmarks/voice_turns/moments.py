"""Pictures that hold the moment at which they were shown, so that an age is read from what arrived.

A number counts up every ``TICK`` seconds of the machine's monotonic clock and is drawn in Gray code, in two
rows of cells: from one moment to the next a single cell changes, about as much as a person who moves does.
"""

from __future__ import annotations

import time

import numpy as np
from livekit import rtc
from numpy.typing import NDArray

WIDTH, HEIGHT = 640, 360
TICK = 0.05
"""Seconds."""

_ROWS, _COLUMNS = 2, 7
_BITS = _ROWS * _COLUMNS
_CELL = (60, 84)
"""Height and width in pixels: 2.2 % of the picture, a little above what counts as nothing new."""

_DARK, _LIGHT = 40, 215


def moment_now() -> int:
    return int(time.monotonic() / TICK) % (1 << _BITS)


def age_of(moment: int, at: float) -> float:
    """Seconds from when a moment was shown until ``at``, on the monotonic clock; below ten minutes."""
    return (at / TICK - moment) % (1 << _BITS) * TICK


def picture(moment: int) -> rtc.VideoFrame:
    """A picture that holds this moment, grey beside it."""
    luma = np.full((HEIGHT, WIDTH), 128, np.uint8)
    gray = moment ^ (moment >> 1)
    for bit in range(_BITS):
        luma[_cell(bit, HEIGHT, WIDTH)] = _LIGHT if gray >> bit & 1 else _DARK
    chroma = bytes([128]) * (WIDTH * HEIGHT // 2)
    return rtc.VideoFrame(WIDTH, HEIGHT, rtc.VideoBufferType.I420, luma.tobytes() + chroma)


def moment_in(pixels: NDArray[np.uint8]) -> int:
    """The moment that a picture (height × width × 3, uint8) of any size holds."""
    height, width, _ = pixels.shape
    gray = 0
    for bit in range(_BITS):
        gray |= int(pixels[_cell(bit, height, width, margin=0.25)].mean() > 128) << bit
    moment = 0
    while gray:
        moment ^= gray
        gray >>= 1
    return moment


def _cell(bit: int, height: int, width: int, margin: float = 0.0) -> tuple[slice, slice]:
    row, column = divmod(bit, _COLUMNS)
    places = ((row, _ROWS, _CELL[0] / HEIGHT, height), (column, _COLUMNS, _CELL[1] / WIDTH, width))
    rows, columns = (_side(*place, margin) for place in places)
    return rows, columns


def _side(index: int, count: int, share: float, size: int, margin: float) -> slice:
    middle, half = (index + 0.5) / count * size, share * size * (0.5 - margin)
    return slice(round(middle - half), round(middle + half))
