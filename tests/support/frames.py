"""Frames for tests of workers, out of arrays or bytes."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import simplejpeg
from numpy.typing import NDArray

from sightline.messages import Frame, Track, Trigger

Pixels = NDArray[np.uint8]

ALICE = Track(room="demo", participant="alice", id="TR_1")
RED = (230, 20, 20)
BLUE = (20, 40, 220)


def plain(colour: tuple[int, int, int], width: int = 640, height: int = 360) -> Pixels:
    """A picture of one colour: height × width × 3, uint8, RGB."""
    return np.full((height, width, 3), colour, np.uint8)


def jpeg(pixels: Pixels) -> bytes:
    return bytes(simplejpeg.encode_jpeg(np.ascontiguousarray(pixels), 92))


def frame(
    picture: Pixels | bytes, sequence: int = 1, track: Track = ALICE, trigger: Trigger = Trigger.TIMER
) -> Frame:
    """A frame of this picture; bytes are taken as they are, good or bad."""
    data = picture if isinstance(picture, bytes) else jpeg(picture)
    height, width = (360, 640) if isinstance(picture, bytes) else picture.shape[:2]
    return Frame(
        track=track,
        sequence=sequence,
        captured_at=datetime(2026, 1, 1, tzinfo=UTC),
        trigger=trigger,
        width=width,
        height=height,
        data=data,
        content_hash=Frame.hash_of(data),
    )
