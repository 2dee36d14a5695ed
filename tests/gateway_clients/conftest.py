"""A gateway as a process, the stages that describe and encode what it takes, and browsers to visit it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Browser

from sightline.bus import Bus
from sightline_captioner.worker import Captioner
from sightline_encoder.worker import Encoder
from support.browser import camera_clip, find_chromium, running_chromium
from support.environment import missing
from support.scenes import BLUE, RED, scene
from support.stage import replica


@pytest.fixture
def chromium() -> Path:
    """The browser's program."""
    try:
        return find_chromium()
    except FileNotFoundError as error:
        missing("chromium", str(error))


@pytest.fixture
async def browser(chromium: Path, tmp_path: Path) -> AsyncIterator[Browser]:
    """A browser whose camera shows a red wall for four seconds, then a blue one, and so on."""
    camera = camera_clip(tmp_path / "camera.y4m", [(scene(RED, "STOP"), 4), (scene(BLUE, "LAKE"), 4)])
    async with running_chromium(chromium, camera) as running:
        yield running


@pytest.fixture
async def still_browser(chromium: Path, tmp_path: Path) -> AsyncIterator[Browser]:
    """A browser whose camera shows a red wall all the time."""
    camera = camera_clip(tmp_path / "camera.y4m", [(scene(RED, "STOP"), 1)])
    async with running_chromium(chromium, camera) as running:
        yield running


@pytest.fixture
async def browser_without_devices(chromium: Path) -> AsyncIterator[Browser]:
    """A browser of a machine that has neither camera nor microphone."""
    async with running_chromium(chromium, camera=None) as running:
        yield running


@pytest.fixture
async def stages(bus: Bus) -> AsyncIterator[None]:
    """A captioner that measures pictures, and an encoder, both running."""
    # The offline captioner's settings are its own: nothing of the developer's environment is left.
    async with replica(Captioner(), bus, stage="captioner"), replica(Encoder(), bus, stage="encoder"):
        yield
