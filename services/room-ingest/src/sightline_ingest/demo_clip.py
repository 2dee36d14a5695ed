"""The demo's clip, made on first use: text, a QR code, motion, stillness, a room that goes dark.

``python -m sightline_ingest.demo_clip`` makes it, unless it is there, and prints its path.
"""

from __future__ import annotations

import math
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

Colour = tuple[int, int, int]

Picture = NDArray[np.uint8]
"""Height × width × 3, uint8, BGR as OpenCV draws."""

Scene = Callable[[float], Picture]
"""A picture for each moment of the scene, from 0 to 1. A still scene returns equal ones."""

WIDTH, HEIGHT = 960, 540
FPS = 15
SCENE_SECONDS = 4
NAME = "demo-1.mp4"
"""Has a number, so that a release with another clip does not play the old one."""

QR_TEXT = "https://livekit.io"

WHITE, BLACK, RED = (255, 255, 255), (25, 25, 25), (40, 40, 220)


def _canvas(colour: Colour) -> Picture:
    return np.full((HEIGHT, WIDTH, 3), colour, np.uint8)


def _write(picture: Picture, text: str, y: int, size: float = 2.0, colour: Colour = WHITE) -> None:
    """Put a line of text in the middle of the width."""
    thick = max(2, round(size * 2))
    (width, _), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, size, thick)
    where = ((WIDTH - width) // 2, y)
    cv2.putText(picture, text, where, cv2.FONT_HERSHEY_SIMPLEX, size, colour, thick, cv2.LINE_AA)


def sign(_: float) -> Picture:
    """A sign on a wall, perfectly still."""
    picture = _canvas((120, 60, 20))
    cv2.rectangle(picture, (120, 110), (WIDTH - 120, HEIGHT - 110), WHITE, -1)
    _write(picture, "MEETING ROOM 42", 250, 2.1, BLACK)
    _write(picture, "Welcome to Sightline", 360, 1.5, BLACK)
    return picture


def ball(moment: float) -> Picture:
    """A red ball that crosses a green field."""
    picture = _canvas((70, 150, 60))
    cv2.rectangle(picture, (0, 0), (WIDTH, HEIGHT // 2), (230, 190, 120), -1)
    x = round(80 + moment * (WIDTH - 160))
    y = round(HEIGHT - 90 - abs(math.sin(moment * 3 * math.pi)) * 280)
    cv2.circle(picture, (x, y), 70, RED, -1, cv2.LINE_AA)
    return picture


def qr_code(_: float) -> Picture:
    """A QR code on a white page, perfectly still."""
    picture = _canvas((245, 245, 245))
    code = cv2.QRCodeEncoder.create().encode(QR_TEXT)
    side = code.shape[0] * (400 // code.shape[0])
    big = cv2.resize(code, (side, side), interpolation=cv2.INTER_NEAREST)
    top, left = (HEIGHT - side) // 2, (WIDTH - side) // 2
    picture[top : top + side, left : left + side] = big[..., None]
    return picture


def traffic_light(moment: float) -> Picture:
    """A traffic light that turns from red to green half-way."""
    picture = _canvas((150, 150, 150))
    go = moment >= 0.5
    cv2.rectangle(picture, (380, 60), (580, 400), BLACK, -1)
    cv2.circle(picture, (480, 140), 65, (60, 60, 60) if go else RED, -1, cv2.LINE_AA)
    cv2.circle(picture, (480, 315), 65, (70, 200, 60) if go else (60, 60, 60), -1, cv2.LINE_AA)
    _write(picture, "GO" if go else "STOP", 500, 2.6, BLACK)
    return picture


def lights_out(moment: float) -> Picture:
    """A room with a yellow lamp whose light goes down to almost nothing."""
    picture = _canvas((90, 110, 140))
    cv2.rectangle(picture, (0, 400), (WIDTH, HEIGHT), (50, 70, 95), -1)
    cv2.rectangle(picture, (470, 250), (490, 400), BLACK, -1)
    cv2.ellipse(picture, (480, 250), (130, 90), 0, 180, 360, (90, 220, 250), -1, cv2.LINE_AA)
    light = max(0.06, 1 - moment * 1.4)
    return (picture * light).astype(np.uint8)


SCENES: tuple[Scene, ...] = (sign, ball, qr_code, traffic_light, lights_out)


def pictures() -> Iterator[Picture]:
    """Every picture of the clip, in order."""
    count = SCENE_SECONDS * FPS
    for scene in SCENES:
        for number in range(count):
            yield scene(number / (count - 1))


def make(path: Path) -> None:
    """Write the clip to ``path``: H.264, 20 s, 960 × 540 at 15 pictures a second.

    Written beside it first and then moved, so nobody ever reads half a clip.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(suffix=path.suffix, dir=path.parent)
    os.close(handle)
    try:
        _encode(name)
        Path(name).replace(path)
    finally:
        Path(name).unlink(missing_ok=True)


def _encode(name: str) -> None:
    with av.open(name, "w") as container:
        stream = container.add_stream("libx264", rate=FPS, options={"preset": "veryfast", "crf": "20"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        # A key frame at the start of each scene: the cut is sharp, as it is from a camera.
        stream.codec_context.gop_size = SCENE_SECONDS * FPS
        for number, picture in enumerate(pictures()):
            frame = av.VideoFrame.from_ndarray(picture, format="bgr24")
            frame.pts, frame.time_base = number, Fraction(1, FPS)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def cached() -> Path:
    """The clip in the user's cache, made if it is not there yet."""
    path = _cache() / NAME
    if not path.exists():
        make(path)
    return path


def _cache() -> Path:
    """A folder to keep things in; a temporary one for users without a home to write to."""
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "sightline"
    try:
        home.mkdir(parents=True, exist_ok=True)
        usable = os.access(home, os.W_OK)
    except OSError:
        usable = False
    return home if usable else Path(tempfile.gettempdir()) / f"sightline-{os.getuid()}"


def main() -> None:
    sys.stdout.write(f"{cached()}\n")


if __name__ == "__main__":
    main()
