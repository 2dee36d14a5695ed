"""Does a picture show something new? Judged on a small thumbnail of its brightness.

A picture is compared with the first frame of the scene, not with the one before it, so that a slow
pan adds up to a change. What a camera does by itself is no change: noise is averaged away, exposure
and flicker are fitted as one gain and one offset over the whole picture.
"""

from __future__ import annotations

from enum import IntEnum

import cv2
import numpy as np
from numpy.typing import NDArray

from sightline_ingest.picture import Picture

COLUMNS, ROWS = 64, 36
MAX_LINES = 180
"""Lines of a picture that are looked at: five for each row of the thumbnail."""

NOISE = 12.0
"""Levels of 256 by which a block may differ without showing anything else."""

MAX_OFFSET = 40.0
"""Levels of 256 that the whole picture may grow brighter or darker by itself."""

GAINS = (0.75, 1.33)
"""By how much a camera may turn its exposure by itself."""

Thumbnail = NDArray[np.float32]


class View(IntEnum):
    """How a picture compares with the first frame of the scene. Larger is more different."""

    STILL = 0
    CHANGED = 1
    NEW = 2


def thumbnail(picture: Picture) -> Thumbnail:
    """The brightness of a picture: 36 × 64, float32, 0 to 255. Takes 0.1 to 0.5 ms up to 4K."""
    lines = picture.y[:: max(1, picture.height // MAX_LINES)]
    small = cv2.resize(np.ascontiguousarray(lines), (COLUMNS, ROWS), interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.float32)


def difference(reference: Thumbnail, current: Thumbnail) -> float:
    """The share of the picture that shows something else, 0 to 1."""
    everywhere = np.ones(reference.shape, bool)
    differs = _residual(reference, current, everywhere) > NOISE
    # What is new must not bend the fit of what is not.
    if 0 < np.count_nonzero(differs) <= differs.size // 2:
        differs = _residual(reference, current, ~differs) > NOISE
    return float(np.count_nonzero(differs)) / differs.size


def _residual(reference: Thumbnail, current: Thumbnail, where: NDArray[np.bool_]) -> Thumbnail:
    """What remains of the difference, in levels, when gain and offset within bounds are fitted."""
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
    """The scene that a track shows."""

    def __init__(self, still_threshold: float, scene_threshold: float) -> None:
        """Shares of the picture: at most the first is ``STILL``, from the second on it is ``NEW``."""
        self._still = still_threshold
        self._new = scene_threshold
        self._reference: Thumbnail | None = None

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
