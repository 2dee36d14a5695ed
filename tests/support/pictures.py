"""Pictures for tests of the sampling: textures that stand in for what a camera sees."""

from __future__ import annotations

from datetime import UTC, datetime

import cv2
import numpy as np

from sightline_ingest.picture import Picture, Plane

TAKEN_AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def texture(seed: int, width: int = 640, height: int = 360) -> Plane:
    """A smooth random scene, 16 to 235, the same for the same seed and size."""
    random = np.random.default_rng(seed)
    coarse = random.integers(16, 235, (9, 16), dtype=np.uint8)
    return np.asarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)


def picture(y: Plane, captured_at: datetime = TAKEN_AT) -> Picture:
    """A grey picture of that brightness."""
    half = ((y.shape[0] + 1) // 2, (y.shape[1] + 1) // 2)
    return Picture(y, np.full(half, 128, np.uint8), np.full(half, 128, np.uint8), captured_at)


def scene(seed: int, captured_at: datetime = TAKEN_AT) -> Picture:
    """A picture of a scene that looks like no other seed's."""
    return picture(texture(seed), captured_at)
