"""Does a picture show something new? Judged on a small thumbnail.

A picture is compared with the first frame of the scene, not with the one before it, so that a slow
pan adds up to a change. What a camera does by itself is no change: noise is averaged away, exposure
and flicker are fitted as one gain and one offset of the brightness over the whole picture. Colour,
which they leave alone, is compared as it is.
"""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

COLUMNS, ROWS = 64, 36
LINES = 5
"""Of a picture, at most, that are looked at for each row of its thumbnail."""

NOISE = 12.0
"""Levels of 256 by which a block's brightness may differ without showing anything else."""

COLOUR_NOISE = 16.0
"""The same for its colour: white balance drifts."""

MAX_OFFSET = 25.0
"""Levels of 256 that the whole picture may grow brighter or darker by itself."""

GAINS = (0.75, 1.33)
"""By how much a camera may turn its exposure by itself."""

Plane = NDArray[np.uint8]
Thumbnail = NDArray[np.float32]


class Planes(Protocol):
    """A picture as brightness and two colours, each height × width; the colours may be smaller."""

    @property
    def y(self) -> Plane: ...
    @property
    def u(self) -> Plane: ...
    @property
    def v(self) -> Plane: ...


class YUV(NamedTuple):
    """The planes of a picture that was decoded to RGB."""

    y: Plane
    u: Plane
    v: Plane

    @classmethod
    def of(cls, pixels: Plane) -> YUV:
        """Args: pixels: height × width × 3, uint8, RGB."""
        y, u, v = np.moveaxis(np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2YUV), np.uint8), 2, 0)
        return cls(y, u, v)


class View(IntEnum):
    """How a picture compares with the first frame of the scene. Larger is more different."""

    STILL = 0
    CHANGED = 1
    NEW = 2


def thumbnail(picture: Planes, columns: int = COLUMNS, rows: int = ROWS) -> Thumbnail:
    """Brightness and both colours of a picture: 3 × rows × columns, float32, 0 to 255; in 0.1 to 0.5 ms."""
    return np.stack([_small(plane, columns, rows) for plane in (picture.y, picture.u, picture.v)])


def difference(reference: Thumbnail, current: Thumbnail) -> float:
    """The share of the picture that shows something else, 0 to 1."""
    before, after = reference[0], current[0]
    colours = (np.abs(reference[1:] - current[1:]) > COLOUR_NOISE).any(axis=0)
    differs = colours | (_residual(before, after, np.ones(before.shape, bool)) > NOISE)
    # What is new must not bend the fit of what is not.
    if 0 < np.count_nonzero(differs) <= differs.size // 2:
        differs = colours | (_residual(before, after, ~differs) > NOISE)
    return float(differs.mean())


def _small(plane: Plane, columns: int, rows: int) -> Thumbnail:
    lines = np.ascontiguousarray(plane[:: max(1, plane.shape[0] // (LINES * rows))])
    return np.asarray(cv2.resize(lines, (columns, rows), interpolation=cv2.INTER_AREA), np.float32)


def _residual(reference: Thumbnail, current: Thumbnail, where: NDArray[np.bool_]) -> Thumbnail:
    """What remains of a difference in brightness, in levels, with gain and offset fitted in bounds."""
    before, after = reference[where], current[where]
    centred = before - before.mean()
    variance = float(np.dot(centred, centred))
    gain = float(np.dot(centred, after)) / variance if variance > before.size else 1.0
    gain = min(max(gain, GAINS[0]), GAINS[1])
    middle = float(before.mean())
    offset = float(after.mean()) - middle
    offset = min(max(offset, -MAX_OFFSET), MAX_OFFSET)
    fitted = (reference - middle) * gain + (middle + offset)
    return np.abs(current - fitted)


class Scene:
    """The scene that a camera shows."""

    def __init__(self, still_threshold: float, scene_threshold: float) -> None:
        """Shares of the picture: at most the first is ``STILL``, from the second on it is ``NEW``."""
        self._still = still_threshold
        self._new = scene_threshold
        self._reference: Thumbnail | None = None

    def look(self, picture: Planes) -> Thumbnail:
        """What of a picture is compared."""
        return thumbnail(picture)

    def view(self, seen: Thumbnail) -> View:
        """Compare with the first frame of the scene; without one everything is new."""
        if self._reference is None:
            return View.NEW
        share = difference(self._reference, seen)
        if share >= self._new and share > self._still:
            return View.NEW
        return View.STILL if share <= self._still else View.CHANGED

    def begin(self, seen: Thumbnail) -> None:
        """This is the first frame of a scene from here on."""
        self._reference = seen
