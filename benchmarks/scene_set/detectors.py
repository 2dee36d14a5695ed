"""How changes are found: Sightline's way, and the usual ones. All under the same policy of sampling."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np

from sightline.messages import Source
from sightline.sampling.scene import Scene, Thumbnail, View
from sightline.sampling.screen import scene_of
from sightline_ingest.settings import SamplingSettings


class Seen(NamedTuple):
    """A picture of a clip as detectors take it, and the number of what it shows."""

    thumbnail: Thumbnail
    state: int


class Detector(Protocol):
    """Compares pictures with the last one that a model was shown."""

    def view(self, seen: Thumbnail) -> View:
        """How this picture compares."""

    def begin(self, seen: Thumbnail) -> None:
        """This one is shown to a model."""


def sightline(source: Source) -> Scene:
    """The detector of room-ingest for such a track."""
    settings = SamplingSettings()
    return scene_of(source, settings.still_threshold, settings.scene_threshold)


class TimerOnly:
    """No detector: each picture that the timer takes is shown to a model."""

    def view(self, seen: Thumbnail) -> View:
        return View.CHANGED

    def begin(self, seen: Thumbnail) -> None:
        pass


class MeanDifference:
    """The mean absolute difference of brightness from the picture that was shown last, and a threshold.

    On the same thumbnails, which average noise away: on whole pictures noise alone has a mean.
    """

    def __init__(self, threshold: float) -> None:
        """``threshold`` in levels of 256."""
        self._threshold = threshold
        self._shown: Thumbnail | None = None

    def view(self, seen: Thumbnail) -> View:
        if self._shown is None:
            return View.NEW
        differs = float(np.abs(seen[0] - self._shown[0]).mean()) > self._threshold
        return View.NEW if differs else View.STILL

    def begin(self, seen: Thumbnail) -> None:
        self._shown = seen
