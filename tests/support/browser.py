"""Chromium with a camera that shows what a test wants: the real browser, without a window."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

import av
from playwright.async_api import Browser, async_playwright

from support.environment import CHROMIUM
from support.scenes import Picture

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
FPS = 5


def find_chromium() -> Path:
    """Chromium of CHROMIUM, or of the PATH.

    Raises:
        FileNotFoundError: There is none.
    """
    found = CHROMIUM or next(filter(None, map(shutil.which, NAMES)), None)
    if not found or not os.access(found, os.X_OK):
        raise FileNotFoundError(
            f"expected Chromium on the PATH or in CHROMIUM, got {found or 'none'}: install Debian's chromium"
        )
    return Path(found)


@asynccontextmanager
async def running_chromium(
    binary: Path, camera: Path | None, microphone: Path | None = None
) -> AsyncIterator[Browser]:
    """A browser that grants itself camera, microphone and screen, as if its user always agreed.

    Args:
        camera: What its camera shows, over and over (``camera_clip``); None: it has no devices at all.
        microphone: A WAV file that its microphone hears once, each time it is opened; else it hears beeps.
    """
    devices = [
        "--use-fake-ui-for-media-stream",
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-video-capture={camera}",
        "--auto-accept-this-tab-capture",
        *([f"--use-file-for-fake-audio-capture={microphone}%noloop"] if microphone else []),
    ]
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=binary,
            args=[
                "--no-sandbox",
                "--disable-gpu",
                "--disable-dev-shm-usage",
                "--autoplay-policy=no-user-gesture-required",
                *(devices if camera else []),
            ],
        )
        try:
            yield browser
        finally:
            await browser.close()


def camera_clip(path: Path, pictures: Iterable[tuple[Picture, float]]) -> Path:
    """Write what a camera shows: pictures, and for how many seconds each. Chromium begins anew at its end."""
    width = height = 0
    with path.open("wb") as file:
        for picture, seconds in pictures:
            if not width:
                height, width = picture.shape[:2]
                file.write(f"YUV4MPEG2 W{width} H{height} F{FPS}:1 Ip A1:1 C420jpeg\n".encode())
            planes = av.VideoFrame.from_ndarray(picture, format="rgb24").to_ndarray(format="yuv420p")
            for _ in range(round(seconds * FPS)):
                file.write(b"FRAME\n" + planes.tobytes())
    return path
