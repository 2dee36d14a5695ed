"""Clips for tests, made by FFmpeg's libraries in a moment."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from support.scenes import BLUE, GREEN, RED, scene

SCENES = (RED, GREEN, BLUE)


def make_clip(
    path: Path,
    pictures: Iterable[NDArray[np.uint8]],
    fps: int = 10,
    codec: str = "mpeg4",
    pixels: str = "yuv420p",
    rotation: int = 0,
) -> Path:
    """Write a clip.

    Args:
        path: Where; its suffix says in which container.
        pictures: Height × width × 3, uint8, RGB, all of one size.
        fps: Pictures a second.
        codec: As FFmpeg calls it.
        pixels: Pixel format, as FFmpeg calls it.
        rotation: Degrees, counter-clockwise, by which a player has to turn it.
    """
    with av.open(str(path), "w") as container:
        stream = None
        for number, picture in enumerate(pictures):
            if stream is None:
                stream = container.add_stream(codec, rate=fps)
                stream.height, stream.width = picture.shape[:2]
                stream.pix_fmt = pixels
                stream.time_base = Fraction(1, fps)
                if rotation:
                    stream.set_display_rotation(rotation)
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format=pixels)
            frame.pts, frame.time_base = number, Fraction(1, fps)
            container.mux(stream.encode(frame))
        assert stream is not None, "a clip needs a picture"
        container.mux(stream.encode())
    return path


def three_scenes(path: Path, seconds_each: float = 1.0, fps: int = 10) -> Path:
    """A clip that is red, then green, then blue."""
    return make_clip(
        path, (scene(colour) for colour in SCENES for _ in range(round(seconds_each * fps))), fps
    )
