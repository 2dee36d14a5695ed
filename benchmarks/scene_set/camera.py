"""What cameras and encoders do to a view by themselves; none of it is a change of what is in view."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from scene_set.views import Random, View

Pixels = NDArray[np.uint8]

_NOISES = 4


@dataclass(frozen=True, slots=True)
class Faults:
    """How bad a camera is. Levels are of 256.

    Attributes:
        noise: Standard deviation, in levels.
        flicker: Amplitude of the bands of mains light, in levels.
        exposure: Share by which the gain wanders up and down.
        white_balance: Levels by which red and blue drift apart.
        tremble: Pixels by which the picture shakes.
        sun: Levels by which daylight from one side comes and goes.
        adapts: The exposure follows the mean brightness, as automatic exposure does.
    """

    noise: float = 2.0
    flicker: float = 0.0
    exposure: float = 0.0
    white_balance: float = 0.0
    tremble: float = 0.0
    sun: float = 0.0
    adapts: bool = True


class Camera:
    """Takes pictures of views."""

    def __init__(self, random: Random, faults: Faults) -> None:
        self._random, self._faults = random, faults
        self._noises: list[View] = []
        self._usual: float | None = None
        self._gain = 1.0
        self._phases = random.uniform(0, 2 * np.pi, 4)

    def take(self, view: View, now: float) -> Pixels:
        """A picture: height × width × 3, uint8, RGB. ``now`` in seconds."""
        faults, phases = self._faults, self._phases
        seen = self._shaken(view) if faults.tremble else view
        gain = self._adapt(seen) * (1 + faults.exposure * np.sin(now / 2.3 + phases[0]))
        rows = np.linspace(0, 18, view.shape[0], dtype=np.float32)
        bands = faults.flicker * np.sin(rows + 2.1 * now + phases[1])
        columns = np.linspace(0, 1, view.shape[1], dtype=np.float32)
        daylight = faults.sun * np.sin(now / 4 + phases[2]) * columns
        drift = faults.white_balance * np.sin(now / 5 + phases[3])
        light = bands[:, None, None] + daylight[None, :, None] + np.array([drift, 0, -drift])
        picture = seen * np.float32(gain) + light.astype(np.float32)
        if faults.noise:
            picture = picture + self._noise(view.shape)
        return np.asarray(np.clip(picture, 0, 255), np.uint8)

    def _adapt(self, view: View) -> float:
        """Automatic exposure: half the way to the usual brightness within two seconds, and no further."""
        if not self._faults.adapts:
            return 1.0
        mean = float(view.mean())
        self._usual = self._usual or mean
        aim = min(max((self._usual / max(mean, 1.0)) ** 0.5, 0.8), 1.25)
        self._gain += 0.2 * (aim - self._gain)
        return self._gain

    def _shaken(self, view: View) -> View:
        right, down = self._random.uniform(-self._faults.tremble, self._faults.tremble, 2)
        shift = np.array([[1, 0, right], [0, 1, down]])
        size = int(view.shape[1]), int(view.shape[0])
        return np.asarray(cv2.warpAffine(view, shift, size, borderMode=cv2.BORDER_REPLICATE), np.float32)

    def _noise(self, shape: tuple[int, ...]) -> View:
        # A few pictures of noise, each time at another place: drawing anew costs more than all the rest.
        if not self._noises:
            self._noises = [
                self._random.normal(0, self._faults.noise, shape).astype(np.float32) for _ in range(_NOISES)
            ]
        noise = self._noises[int(self._random.integers(_NOISES))]
        return np.roll(noise, int(self._random.integers(shape[0])), axis=0)
