"""Pictures as they arrive: coded to VP8 as a call does, and decoded again."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from fractions import Fraction

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from sightline_ingest.decoding import to_picture
from sightline_ingest.picture import Picture

RATE = 4
"""Pictures a second: one for each look of the sampler."""

BITS_A_PIXEL = 0.5
"""WebRTC gives 320 × 180 about 150 kbit a second at 30 pictures a second; these are four, further apart."""

_TAKEN = datetime(2026, 1, 1, tzinfo=UTC)


class Coder:
    """One video through an encoder and a decoder. The same every time: both run in one thread."""

    def __init__(self, width: int, height: int) -> None:
        self._encoder = av.CodecContext.create("libvpx", "w")
        self._encoder.width, self._encoder.height = width, height
        self._encoder.pix_fmt = "yuv420p"
        self._encoder.time_base = Fraction(1, RATE)
        self._encoder.bit_rate = int(width * height * BITS_A_PIXEL * RATE)
        self._encoder.thread_count = 1
        self._encoder.options = {"deadline": "realtime", "cpu-used": "16", "lag-in-frames": "0"}
        self._decoder = av.CodecContext.create("vp8", "r")
        self._decoder.thread_count = 1

    def through(self, pixels: NDArray[np.uint8]) -> Picture:
        """What comes out for a picture (height × width × 3, uint8, RGB)."""
        planes = cv2.cvtColor(pixels, cv2.COLOR_RGB2YUV_I420)
        frame = av.VideoFrame.from_ndarray(np.asarray(planes, np.uint8), format="yuv420p")
        (picture,) = self._decoded(frame)
        return picture

    def _decoded(self, frame: av.VideoFrame) -> Iterator[Picture]:
        for packet in self._encoder.encode(frame):
            for decoded in self._decoder.decode(packet):
                yield to_picture(decoded, _TAKEN)
