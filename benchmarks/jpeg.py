"""How much faster I420 planes become a JPEG than through LiveKit's encoder. Prints one JSON object.

Both encode the same 720p picture, in turns, in one process: their ratio does not depend on how busy
the machine is. ``python benchmarks/jpeg.py [ROUNDS]``
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime

import cv2
import numpy as np
from livekit import rtc
from livekit.agents.utils.images import EncodeOptions, encode as livekit_encode

from sightline.sampling.scene import difference, thumbnail
from sightline_ingest import jpeg
from sightline_ingest.picture import from_i420

WIDTH, HEIGHT = 1280, 720
QUALITY = 80


def i420(seed: int = 0) -> bytearray:
    """A 720p picture with edges, gradients and a little noise, as cameras make them."""
    random = np.random.default_rng(seed)
    coarse = random.integers(16, 235, (18, 32), dtype=np.uint8)
    y = cv2.resize(coarse, (WIDTH, HEIGHT), interpolation=cv2.INTER_LINEAR).astype(np.int16)
    y += random.normal(0, 2, y.shape).astype(np.int16)
    for place in random.integers(0, HEIGHT - 100, (12, 2)):
        y[place[0] : place[0] + 60, place[1] : place[1] + 90] = random.integers(16, 235)
    chroma = [cv2.resize(coarse[::-1], (WIDTH // 2, HEIGHT // 2)) for _ in range(2)]
    return bytearray(np.clip(y, 16, 235).astype(np.uint8).tobytes() + b"".join(map(bytes, chroma)))


def milliseconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1000


def measure(rounds: int) -> dict[str, float]:
    """Median times in milliseconds, and their ratio."""
    cv2.setNumThreads(1)
    data = i420()
    picture = from_i420(data, WIDTH, HEIGHT, datetime.now(UTC))
    frame = rtc.VideoFrame(WIDTH, HEIGHT, rtc.VideoBufferType.I420, data)
    reference = thumbnail(from_i420(i420(1), WIDTH, HEIGHT, picture.captured_at))
    works: dict[str, Callable[[], object]] = {
        "sightline_ms": lambda: jpeg.encode(picture, WIDTH, QUALITY, 900_000),
        "livekit_ms": lambda: livekit_encode(frame, EncodeOptions(quality=QUALITY)),
        "scene_ms": lambda: difference(reference, thumbnail(picture)),
    }
    times: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(rounds + 1):
        for name, work in works.items():
            times[name].append(milliseconds(work))
    medians = {name: round(statistics.median(each[1:]), 3) for name, each in times.items()}
    return medians | {"livekit_to_sightline": round(medians["livekit_ms"] / medians["sightline_ms"], 2)}


if __name__ == "__main__":
    print(json.dumps(measure(int(sys.argv[1]) if len(sys.argv) > 1 else 50)))
