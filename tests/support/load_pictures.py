"""Pictures of many cameras at once. Each tells whoever looks which camera took it, and of what scene.

The numbers are painted as black and white fields along the upper edge, where they outlive being encoded
anew at another size: whoever was shown the wrong picture is found out.
"""

from __future__ import annotations

import base64

import cv2
import numpy as np
import simplejpeg
from numpy.typing import NDArray

from sightline import imaging

WIDTH, HEIGHT = 640, 480
FIELDS = 16
SCENE_BITS = 4
CAMERAS = 1 << (FIELDS - SCENE_BITS)
EDGE = 48
"""Pixels of the fields' height."""

QUALITY = 82
_REMARK_BYTES = 15

Pixels = NDArray[np.uint8]


def picture(camera: int, scene: int) -> bytes:
    """A JPEG of 30 to 60 KB, with the edges, gradients and noise that cameras make.

    Args:
        camera: Below ``CAMERAS``.
        scene: Of these 16 can be told apart.
    """
    random = np.random.default_rng((camera, scene))
    coarse = random.integers(16, 235, (9, 12, 3), dtype=np.uint8)
    pixels = cv2.resize(coarse, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC).astype(np.int16)
    pixels += random.normal(0, 4, pixels.shape).astype(np.int16)
    pixels[:EDGE] = np.where(np.repeat(_bits(camera, scene), WIDTH // FIELDS), 235, 20)[None, :, None]
    return bytes(simplejpeg.encode_jpeg(np.ascontiguousarray(np.clip(pixels, 0, 255), np.uint8), QUALITY))


def camera_of(encoded: bytes) -> tuple[int, int]:
    """Which camera took a picture of ``picture``, and of what scene."""
    pixels = imaging.decode(encoded, min_width=WIDTH // 4, min_height=HEIGHT // 4)
    height, width = pixels.shape[:2]
    row = pixels[height * EDGE // HEIGHT // 2].mean(axis=1)
    field = width / FIELDS
    bits = [row[round((index + 0.5) * field)] > 127 for index in range(FIELDS)]
    code = int("".join("1" if bit else "0" for bit in bits), 2)
    return code >> SCENE_BITS, code & ((1 << SCENE_BITS) - 1)


class Reel:
    """One camera's pictures, ready to be sent: each its own bytes, at the cost of joining three strings."""

    def __init__(self, camera: int, scenes: int) -> None:
        self._camera = camera
        pictures = [picture(camera, scene) for scene in range(scenes)]
        self.bytes = round(sum(map(len, pictures)) / scenes)
        # What follows the first two bytes, in base64; those and the remark are a multiple of three bytes.
        self._rest = [base64.b64encode(each[2:]).decode() for each in pictures]

    def base64(self, sequence: int, scene: int) -> str:
        """One picture, with its number as a remark in the JPEG."""
        remark = f"{self._camera:05}/{sequence:09}".encode()
        assert len(remark) == _REMARK_BYTES
        head = b"\xff\xd8\xff\xfe" + (len(remark) + 2).to_bytes(2, "big") + remark
        return base64.b64encode(head).decode() + self._rest[scene % len(self._rest)]


def _bits(camera: int, scene: int) -> list[bool]:
    assert 0 <= camera < CAMERAS, f"expected a camera below {CAMERAS}, got {camera}"
    code = camera << SCENE_BITS | scene
    return [bool(code >> (FIELDS - 1 - index) & 1) for index in range(FIELDS)]
