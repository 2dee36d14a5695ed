"""Pictures for tests: a plain colour with a word on it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

Picture = NDArray[np.uint8]

RED = (200, 30, 30)
GREEN = (30, 160, 60)
BLUE = (30, 60, 200)
YELLOW = (220, 200, 30)


def scene(colour: tuple[int, int, int], text: str = "", size: tuple[int, int] = (640, 360)) -> Picture:
    """One scene: height × width × 3, uint8, RGB.

    Args:
        colour: Red, green and blue, 0 to 255.
        text: Written large, in black or white, whichever shows.
        size: Width and height, in pixels.
    """
    picture = Image.new("RGB", size, colour)
    ink = "black" if sum(colour) > 382 else "white"
    font = ImageFont.load_default(size=size[1] // 5)
    ImageDraw.Draw(picture).text((size[0] // 2, size[1] // 2), text, fill=ink, font=font, anchor="mm")
    return np.asarray(picture)


def mean_colour(pixels: Picture) -> tuple[int, int, int]:
    """The mean of a picture's left edge, where no text is: red, green, blue."""
    edge = pixels[:, : max(1, pixels.shape[1] // 10)]
    red, green, blue = edge.reshape(-1, 3).mean(axis=0)
    return round(float(red)), round(float(green)), round(float(blue))


def shows(pixels: Picture, colour: tuple[int, int, int], within: int = 40) -> bool:
    """Whether a decoded picture is of this scene, as far as video compression lets one tell."""
    return all(abs(a - b) <= within for a, b in zip(mean_colour(pixels), colour, strict=True))
