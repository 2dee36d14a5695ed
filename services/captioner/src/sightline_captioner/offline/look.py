"""Measurements of one picture: brightness, colours, what changed, faces, QR codes."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from sightline_captioner.text import one_line

Pixels = NDArray[np.uint8]

LOOK_SIDE = 640
CODE_SIDE = 1920
"""Pictures are looked at no larger than this, in pixels of their longer side; for QR codes, than that."""

THUMBNAIL = (32, 18)
CHANGED_LEVEL = 24
"""Difference of a thumbnail's cell, of 255, that counts as a change: above camera noise."""

MIN_SHARE = 0.08
"""Share of the picture below which a colour is not mentioned."""

MIN_FACE = 1 / 16
"""Of the picture's height: smaller faces are mostly none."""

MAX_FINDS = 8
MAX_QR_CHARACTERS = 300

_LEVELS = ((0.08, "almost black"), (0.25, "dark"), (0.45, "dim"), (0.7, "well lit"), (1.01, "bright"))
_HUES = (
    (10, "red"),
    (22, "orange"),
    (33, "yellow"),
    (85, "green"),
    (98, "cyan"),
    (128, "blue"),
    (150, "purple"),
    (170, "pink"),
    (181, "red"),
)
"""Upper ends in OpenCV's degrees, which are half ones."""


@dataclass(frozen=True, slots=True)
class Change:
    """Against the frame before.

    Attributes:
        share: Of the picture that changed, 0 to 1.
        where: ``left``, ``right``, ``top``, ``bottom`` or ``middle`` when most of it is there, else "".
    """

    share: float
    where: str


@dataclass(frozen=True, slots=True)
class Box:
    """A place in the picture, from 0 to 1 of its width and height."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Look:
    """What was measured.

    Attributes:
        brightness: Mean luma, 0 to 1.
        level: The same in words.
        colours: Name and share, most first.
        change: None when there is no frame before.
        faces: Frontal faces, largest first; faces of people, drawings, photographs.
        codes: What QR codes say, cleaned.
        thumbnail: For comparing the next frame with: 18 × 32, uint8, luma.
    """

    brightness: float
    level: str
    colours: tuple[tuple[str, float], ...]
    change: Change | None
    faces: tuple[Box, ...]
    codes: tuple[str, ...]
    thumbnail: Pixels


def look(pixels: Pixels, before: Pixels | None) -> Look:
    """Measure a picture. Takes some 20 ms for 720p; call it in a thread.

    Args:
        pixels: height × width × 3, uint8, RGB.
        before: The thumbnail of the frame before.
    """
    small = shrink(pixels, LOOK_SIDE)
    grey: Pixels = np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), np.uint8)
    thumbnail = _resize(grey, *THUMBNAIL)
    brightness = float(grey.mean()) / 255
    return Look(
        brightness=round(brightness, 3),
        level=next(name for limit, name in _LEVELS if brightness < limit),
        colours=_colours(small),
        change=None if before is None else _change(before, thumbnail),
        faces=_faces(grey),
        codes=_codes(shrink(pixels, CODE_SIDE)),
        thumbnail=thumbnail,
    )


def shrink(pixels: Pixels, side: int) -> Pixels:
    """The picture with its longer side no longer than ``side`` pixels."""
    height, width = pixels.shape[:2]
    scale = side / max(height, width)
    return (
        pixels if scale >= 1 else _resize(pixels, max(1, round(width * scale)), max(1, round(height * scale)))
    )


def _resize(pixels: Pixels, width: int, height: int) -> Pixels:
    return np.asarray(cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def _colours(pixels: Pixels) -> tuple[tuple[str, float], ...]:
    tiny = _resize(pixels, 64, 36)
    hue, saturation, value = cv2.split(cv2.cvtColor(tiny, cv2.COLOR_RGB2HSV))
    names = np.array([name for _, name in _HUES])[np.digitize(hue, [limit for limit, _ in _HUES])]
    grey = saturation < 45
    names = np.where((names == "orange") & (value < 150), "brown", names)
    names = np.where(grey & (value >= 45), "grey", names)
    names = np.where(grey & (value >= 190), "white", names)
    names = np.where(value < 45, "black", names)
    found, counts = np.unique(names, return_counts=True)
    shares = sorted(
        ((float(count) / names.size, str(name)) for name, count in zip(found, counts, strict=True))
    )
    return tuple((name, round(share, 2)) for share, name in reversed(shares) if share >= MIN_SHARE)


def _change(before: Pixels, now: Pixels) -> Change:
    changed = cv2.absdiff(before, now) > CHANGED_LEVEL
    share = float(changed.mean())
    if not changed.any() or share > 0.6:
        return Change(round(share, 2), "")
    rows, columns = changed.shape
    halves = {
        "left": changed[:, : columns // 2],
        "right": changed[:, columns // 2 :],
        "top": changed[: rows // 2],
        "bottom": changed[rows // 2 :],
        "middle": changed[rows // 4 : -rows // 4, columns // 4 : -columns // 4],
    }
    where, part = max(halves.items(), key=lambda half: int(half[1].sum()))
    return Change(round(share, 2), where if part.sum() > 0.8 * changed.sum() else "")


_of_this_thread = threading.local()


def _classifier() -> Any:
    """A classifier keeps state while it looks, so each thread has its own. Loading takes 20 ms."""
    if not hasattr(_of_this_thread, "classifier"):
        path = Path(cv2.__file__).parent / "data" / "haarcascade_frontalface_default.xml"
        _of_this_thread.classifier = cv2.CascadeClassifier(str(path))
    return _of_this_thread.classifier


def _faces(grey: Pixels) -> tuple[Box, ...]:
    height, width = grey.shape
    least = max(24, round(height * MIN_FACE))
    found = _classifier().detectMultiScale(grey, 1.15, 6, minSize=(least, least))
    boxes = sorted(found, key=lambda box: -int(box[2]) * int(box[3]))[:MAX_FINDS]
    return tuple(
        Box(round(x / width, 3), round(y / height, 3), round(w / width, 3), round(h / height, 3))
        for x, y, w, h in (map(int, box) for box in boxes)
    )


def _codes(pixels: Pixels) -> tuple[str, ...]:
    try:
        found, texts, _, _ = cv2.QRCodeDetector().detectAndDecodeMulti(
            cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
        )
    except (cv2.error, UnicodeDecodeError):
        # Patterns that look like a code, and codes that hold bytes, make it raise.
        return ()
    cleaned = (one_line(text, MAX_QR_CHARACTERS) for text in (texts if found else ()))
    return tuple(dict.fromkeys(text for text in cleaned if text))[:MAX_FINDS]
