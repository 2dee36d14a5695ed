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
from support.gateway_process import GatewayProcess, running_gateway
from support.model_servers import OpenAIServer
from support.nats_server import Server
from support.scenes import BLUE, RED, scene
from support.stage import replica

ANSWER = "That is a wall, and nothing else."


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


@pytest.fixture
async def model() -> AsyncIterator[OpenAIServer]:
    async with OpenAIServer(ANSWER) as server:
        yield server


@pytest.fixture
async def gateway(nats: Server, model: OpenAIServer) -> AsyncIterator[GatewayProcess]:
    """A gateway whose agent answers by ``model``."""
    async with running_gateway(nats.url, AGENT_LLM_BASE_URL=model.url, AGENT_LLM_MODEL="test-model") as it:
        yield it
