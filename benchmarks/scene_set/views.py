"""What stands before the camera: rooms, things and light, painted by chance.

A view is height × width × 3, float32, RGB, 0 to 255: what a camera with no faults would see.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

WIDTH, HEIGHT = 320, 180
"""The smallest layer of a 720p camera: noise and coding show the most in it."""

OCTAVES = (4, 9, 20, 45, 90)
SHAPES = 14

View = NDArray[np.float32]
Random = np.random.Generator


def room(random: Random, width: int = WIDTH, height: int = HEIGHT) -> View:
    """A room: soft light, coarse and fine texture, and things with edges; as bright as rooms are."""
    painted = np.full((height, width, 3), random.uniform(80, 130), np.float32)
    for octave in OCTAVES:
        grid = random.normal(0, 1, (octave, octave * width // height, 1)) * 90 / octave**0.7
        tint = random.normal(0, 0.25, (*grid.shape[:2], 3)) * 60 / octave**0.7
        painted += cv2.resize(
            (grid + tint).astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC
        )
    for _ in range(SHAPES * width // WIDTH):
        _shape(random, painted)
    return np.clip(painted, 18, 200)


def thing(random: Random, view: View, share: float) -> View:
    """The view with a textured thing that covers this share of it."""
    height, width = view.shape[:2]
    aspect = random.uniform(0.6, 1.6)
    tall = min(height - 4, round((share * height * width / aspect) ** 0.5))
    wide = min(width - 4, round(share * height * width / tall))
    left, top = int(random.integers(0, width - wide)), int(random.integers(0, height - tall))
    surface = room(random, max(wide, 32), max(tall, 32))[:tall, :wide]
    # What is held up differs from what is behind it.
    behind = view[top : top + tall, left : left + wide].mean()
    surface += (60 if behind < 110 else -60) + behind - surface.mean()
    mask = np.zeros((tall, wide, 1), np.float32)
    cv2.ellipse(mask, (wide // 2, tall // 2), (wide // 2, tall // 2), 0, 0, 360, 1, -1)
    if random.random() < 0.5:
        mask[:] = 1
    changed = view.copy()
    place = changed[top : top + tall, left : left + wide]
    place[:] = place * (1 - mask) + np.clip(surface, 5, 250) * mask
    return changed


def recoloured(random: Random, view: View, share: float) -> View:
    """The view with a square in another colour of the same brightness: a lamp that turned green."""
    height, width = view.shape[:2]
    side = round((share * height * width) ** 0.5)
    left, top = int(random.integers(0, width - side)), int(random.integers(0, height - side))
    changed = view.copy()
    place = changed[top : top + side, left : left + side]
    angle = random.uniform(0, 2 * np.pi)
    place += _of_colour(70 * np.cos(angle), 70 * np.sin(angle))
    return np.clip(changed, 0, 255)


def lamp(random: Random, view: View) -> View:
    """The view with a lamp switched on in it: bright around the lamp, as before far away from it."""
    height, width = view.shape[:2]
    across, down = np.meshgrid(np.linspace(0, 16, width), np.linspace(0, 9, height))
    away = (across - random.uniform(2, 14)) ** 2 + (down - random.uniform(2, 7)) ** 2
    glow = np.exp(-away / random.uniform(4, 12))[:, :, None]
    return np.asarray(np.clip(view * (1 + 0.9 * glow) + 25 * glow, 0, 255), np.float32)


def person(random: Random, view: View) -> View:
    """The view with head and shoulders of somebody in it."""
    height, width = view.shape[:2]
    centre, scale = int(random.uniform(0.3, 0.7) * width), height * random.uniform(0.7, 1.1)
    changed = view.copy()
    clothes, skin = random.uniform(20, 90, 3), random.uniform([120, 80, 60], [210, 170, 150])
    body = (centre, height + int(0.1 * scale)), (int(0.42 * scale), int(0.5 * scale))
    cv2.ellipse(changed, *body, 0, 0, 360, tuple(map(float, clothes)), -1)
    head = (centre, int(height - 0.55 * scale)), (int(0.13 * scale), int(0.18 * scale))
    cv2.ellipse(changed, *head, 0, 0, 360, tuple(map(float, skin)), -1)
    return changed


def _shape(random: Random, painted: View) -> None:
    height, width = painted.shape[:2]
    colour = tuple(float(each) for each in random.uniform(20, 190) + random.normal(0, 18, 3))
    x, y = int(random.integers(0, width)), int(random.integers(0, height))
    wide, tall = int(random.integers(8, height // 2)), int(random.integers(8, height // 2))
    if random.random() < 0.6:
        cv2.rectangle(painted, (x, y), (x + wide, y + tall), colour, -1)
    else:
        cv2.ellipse(painted, (x, y), (wide // 2, tall // 2), 0, 0, 360, colour, -1)


def _of_colour(blue: float, red: float) -> View:
    """What to add to RGB so that only the two differences of colour change (BT.601)."""
    return np.asarray([1.402 * red, -0.344 * blue - 0.714 * red, 1.772 * blue], np.float32)
