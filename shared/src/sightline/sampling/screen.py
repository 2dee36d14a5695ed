"""Does a shared screen show something new? Text is small: a line that comes to a chat is 1 % of the screen.

A screen has no noise, no exposure and no flicker, so it is looked at more finely than a camera, and nothing
is fitted away. What is left out instead is what people do not mean by a change: a pointer that moved, a
caret that blinks. These are no larger than a few cells, and there are few of them. So a few single letters
that become others are not seen, and a pointer that moves by no more than its size is.
"""

from __future__ import annotations

import cv2
import numpy as np

from sightline.messages import Source
from sightline.sampling.scene import COLUMNS, NOISE, ROWS, Planes, Scene, Thumbnail, View, thumbnail

FINE = 4
"""Cells of a screen for each block of a scene, across and down: 256 × 144 of 5 × 5 pixels at 720p."""

POINTER_COLUMNS, POINTER_ROWS = 6, 8
"""Cells that a pointer covers at most: 30 × 40 pixels at 720p."""

POINTERS = 3
"""Where the pointer was, where it is, and a caret."""

JOIN = 2
"""Cells to each side by which what differs is widened: letters of a word are apart, words of a line, too."""


class ScreenScene(Scene):
    """The scene that a shared screen shows."""

    def __init__(self, still_threshold: float, scene_threshold: float) -> None:
        """As for any scene; changed text is a ``CHANGED`` screen, however little of it that is."""
        super().__init__(still_threshold, scene_threshold)
        self._cells: Thumbnail | None = None

    def look(self, picture: Planes) -> Thumbnail:
        """What of a picture is compared: 3 × 144 × 256."""
        return thumbnail(picture, FINE * COLUMNS, FINE * ROWS)

    def view(self, seen: Thumbnail) -> View:
        """Compare with the first frame of the scene; without one everything is new."""
        view = super().view(_blocks(seen))
        if view is not View.STILL or self._cells is None:
            return view
        return View.CHANGED if text_differs(self._cells[0], seen[0]) else View.STILL

    def begin(self, seen: Thumbnail) -> None:
        """This is the first frame of a scene from here on."""
        super().begin(_blocks(seen))
        self._cells = seen


def scene_of(source: Source, still_threshold: float, scene_threshold: float) -> Scene:
    """What judges the scenes of such a track."""
    kind = ScreenScene if source is Source.SCREEN else Scene
    return kind(still_threshold, scene_threshold)


def text_differs(before: Thumbnail, after: Thumbnail) -> bool:
    """Whether more differs between the brightness of two screens than a pointer and a caret."""
    differs = (np.abs(after - before) > NOISE).astype(np.uint8)
    if not differs.any():
        return False
    joined = cv2.dilate(differs, np.ones((1, 2 * JOIN + 1), np.uint8))
    count, _, places, _ = cv2.connectedComponentsWithStats(joined, connectivity=8)
    widths, heights = places[1:, cv2.CC_STAT_WIDTH] - 2 * JOIN, places[1:, cv2.CC_STAT_HEIGHT]
    large = (widths > POINTER_COLUMNS) | (heights > POINTER_ROWS)
    return bool(large.any()) or count - 1 > POINTERS


def _blocks(cells: Thumbnail) -> Thumbnail:
    """The thumbnail that a scene of a camera would have."""
    return np.asarray(cells.reshape(3, ROWS, FINE, COLUMNS, FINE).mean(axis=(2, 4)), np.float32)
