"""How the face moves: the mouth with the voice, the eyes now and then by themselves."""

from __future__ import annotations

import random

import numpy as np
from numpy.typing import NDArray

from sightline_agent.avatar.face import LIDS, MOUTHS

QUIET, LOUD = -50.0, -15.0
"""Decibels below full scale at which the mouth is closed, and wide open."""

RELEASE = 0.55
"""The mouth opens at once, and closes to this part of how far it was open, each picture."""

BLINK_SECONDS = 0.16
PAUSE_SECONDS = (2.0, 6.0)


class Mouth:
    """Opens with loudness."""

    def __init__(self) -> None:
        self._opening = 0.0

    def follow(self, samples: NDArray[np.int16]) -> int:
        """How far it is open while these samples sound: 0 to ``MOUTHS - 1``."""
        self._opening = max(_loudness(samples), self._opening * RELEASE)
        return round(self._opening * (MOUTHS - 1))

    def close(self) -> None:
        self._opening = 0.0


class Eyes:
    """Blink at times that nobody could foretell.

    Args:
        chance: Where the pauses come from.
    """

    def __init__(self, chance: random.Random | None = None) -> None:
        self._chance = chance or random.Random()
        self._next = 0.0

    def lids(self, now: float) -> int:
        """How far they are shut at a time in seconds: 0 to ``LIDS - 1``."""
        if now >= self._next + BLINK_SECONDS:
            # Also the first time, and after a long time in which nobody looked.
            self._next = now + self._chance.uniform(*PAUSE_SECONDS)
        if now < self._next:
            return 0
        middle = abs((now - self._next) / BLINK_SECONDS - 0.5) < 0.25
        return LIDS - 1 if middle else 1


def _loudness(samples: NDArray[np.int16]) -> float:
    """0 for quiet, 1 for loud, linear in decibels."""
    if not len(samples):
        return 0.0
    power = float(np.mean(np.square(samples.astype(np.float32) / 32768)))
    decibels = 10 * np.log10(power + 1e-10)
    return float(np.clip((decibels - QUIET) / (LOUD - QUIET), 0.0, 1.0))
