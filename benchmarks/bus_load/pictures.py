"""JPEG pictures of about a given size."""

from __future__ import annotations

import numpy as np
import simplejpeg

WIDTH, HEIGHT = 1280, 720


def jpeg(size: int, width: int = WIDTH, height: int = HEIGHT) -> bytes:
    """A picture of noise, as little of it as makes ``size`` bytes."""
    random = np.random.default_rng(0)
    ramp = np.linspace(0, 255, width, dtype=np.float32)[None, :, None]
    noise = random.normal(0, 1, (height, width, 1)).astype(np.float32)
    strength, data = 0.5, b""
    while len(data) < size:
        pixels = np.clip(ramp + noise * strength, 0, 255).astype(np.uint8).repeat(3, axis=2)
        data = bytes(simplejpeg.encode_jpeg(np.ascontiguousarray(pixels), 80))
        strength *= 1.1
    return data
