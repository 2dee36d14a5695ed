"""The local avatar's face: drawn once for each of its looks, and never again while it talks."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

Picture = NDArray[np.uint8]

MOUTHS = 8
"""How far the mouth may be open: 0 is closed, the last is wide."""

LIDS = 3
"""How far the eyes may be shut: 0 is open, the last is closed."""

_BACKGROUND, _SKIN, _EDGE = (24, 32, 48), (246, 200, 160), (222, 168, 126)
_WHITE, _PUPIL, _LIP, _MOUTH, _TONGUE = (
    (255, 255, 255),
    (40, 44, 60),
    (176, 72, 72),
    (96, 24, 32),
    (214, 104, 104),
)
_FINER = 3
"""Drawn this much larger, then made smaller: smooth edges."""

_EYES = (0.36, 0.64)
Box = tuple[float, float, float, float]


@cache
def drawn(size: int, mouth: int, lids: int) -> Picture:
    """One look of the face.

    Args:
        size: Width and height in pixels.
        mouth: 0 to ``MOUTHS - 1``.
        lids: 0 to ``LIDS - 1``.

    Returns:
        size × size × 3, uint8, RGB; shared, not to be written to.
    """
    image = Image.new("RGB", (size * _FINER, size * _FINER), _BACKGROUND)
    draw = ImageDraw.Draw(image)
    _ellipse(draw, (0.5, 0.5), (0.38, 0.44), fill=_SKIN, outline=_EDGE)
    for x in _EYES:
        _draw_eye(draw, x, lids / (LIDS - 1))
    _draw_mouth(draw, mouth / (MOUTHS - 1))
    picture = np.asarray(image.resize((size, size), Image.Resampling.BOX)).copy()
    picture.flags.writeable = False
    return picture


def _draw_eye(draw: ImageDraw.ImageDraw, x: float, shut: float) -> None:
    height = 0.06 * (1 - shut) + 0.008
    _ellipse(draw, (x, 0.42), (0.07, height), fill=_WHITE if shut < 1 else _PUPIL)
    if shut < 1:
        _ellipse(draw, (x, 0.42), (0.03, min(0.03, height)), fill=_PUPIL)


def _draw_mouth(draw: ImageDraw.ImageDraw, opening: float) -> None:
    # Wider in width as it closes: a mouth that is open is round.
    width, height = 0.15 - 0.03 * opening, 0.012 + 0.11 * opening
    _ellipse(draw, (0.5, 0.7), (width, height), fill=_MOUTH if opening else _LIP, outline=_LIP)
    if opening > 0.3:
        _ellipse(draw, (0.5, 0.7 + height * 0.6), (width * 0.6, height * 0.3), fill=_TONGUE)


def _ellipse(
    draw: ImageDraw.ImageDraw,
    centre: tuple[float, float],
    radii: tuple[float, float],
    fill: tuple[int, int, int],
    outline: tuple[int, int, int] | None = None,
) -> None:
    """Of a picture whose width and height are 1."""
    size = draw.im.size[0]
    (x, y), (width, height) = centre, radii
    box = tuple(round(each * size) for each in (x - width, y - height, x + width, y + height))
    draw.ellipse(box, fill=fill, outline=outline, width=round(size * 0.012))
