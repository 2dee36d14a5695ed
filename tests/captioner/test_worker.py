"""The captioner as the runner sees it."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from importlib.metadata import entry_points

import pytest
import structlog

from sightline.worker import VisionWorker
from sightline_captioner.settings import CaptionerSettings
from sightline_captioner.worker import NET_SECONDS, Captioner
from support.frames import RED, frame, plain
from support.model_servers import MoondreamServer


def test_it_is_installed_as_the_stage_captioner() -> None:
    [entry] = entry_points(group="sightline.workers", name="captioner")
    assert entry.load() is Captioner
    assert issubclass(Captioner, VisionWorker)


def test_settings_reach_the_contract() -> None:
    worker = Captioner(CaptionerSettings(concurrency=7, deadline=3.0, max_fps=0.5, max_width=800))
    assert (worker.concurrency, worker.deadline) == (7, 3.0 + NET_SECONDS)
    assert (worker.wants.max_fps, worker.wants.max_width) == (0.5, 800)
    assert worker.answers
    assert not worker.decodes


async def test_the_log_says_which_backend_and_why(monkeypatch: pytest.MonkeyPatch) -> None:
    async with MoondreamServer() as server:
        monkeypatch.setenv("MOONDREAM_ENDPOINT", server.url)
        monkeypatch.setenv("MOONDREAM_API_KEY", "very-secret")
        worker = Captioner()
        with structlog.testing.capture_logs() as logged:
            await worker.start()
        caption = await worker.process(frame(plain(RED)))
        await worker.close()
    assert logged == [
        {
            "event": "captioner_backend",
            "log_level": "info",
            "backend": "moondream",
            "model": "moondream",
            "why": "MOONDREAM_ENDPOINT is set",
        }
    ]
    assert caption.text == "a red picture of 640 by 360 pixels"


async def test_nothing_that_a_camera_saw_and_no_key_is_logged(monkeypatch: pytest.MonkeyPatch) -> None:
    async with MoondreamServer(answer="a secret plan") as server:
        monkeypatch.setenv("MOONDREAM_ENDPOINT", server.url)
        monkeypatch.setenv("MOONDREAM_API_KEY", "very-secret")
        worker = Captioner()
        with structlog.testing.capture_logs() as logged:
            await worker.start()
            await worker.process(frame(plain(RED)))
            await worker.ask(frame(plain(RED)), "Is it a private question?")
            await worker.close()
    assert "plan" not in str(logged)
    assert "private" not in str(logged)
    assert "very-secret" not in str(logged) + repr(vars(worker)) + repr(vars(worker._backend))


def test_nothing_is_loaded_or_connected_before_the_start() -> None:
    # A worker that is listed, or whose help is shown, should cost nothing.
    code = (
        "import sys, sightline_captioner.worker as w; w.Captioner(); "
        "print([m for m in ('openai', 'moondream', 'torch', 'httpx2', 'cv2') if m in sys.modules])"
    )
    env = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME")}
    env["CAPTIONER_OPENAI_MODEL"], env["CAPTIONER_OPENAI_BASE_URL"] = "m", "http://127.0.0.1:1/v1"
    run = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


async def test_the_command_explains_itself() -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "sightline_captioner", "--help", stdout=asyncio.subprocess.PIPE
    )
    output, _ = await process.communicate()
    assert process.returncode == 0
    for variable in ("CAPTIONER_BACKEND", "MOONDREAM_API_KEY", "CAPTIONER_OPENAI_MODEL", "NATS_URL"):
        assert variable in output.decode()
