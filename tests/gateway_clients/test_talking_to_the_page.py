"""Somebody speaks to the page, and it speaks back: a real browser's microphone and sound."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web
from playwright.async_api import Browser, Page, expect

from support.browser import camera_clip, running_chromium
from support.gateway_process import GatewayProcess, running_gateway
from support.nats_server import Server
from support.recorded import Recorded
from support.scenes import RED, scene
from support.speech import espeak, from_wav, recognised_in, spoken, to_wav
from support.voice_server import VoiceServer

QUESTION = "What do I hold in my hand?"
ANSWER = "You hold a red mug in your left hand. Behind it there is a large window, and it rains outside."
SECONDS = 30_000

expect.set_options(timeout=SECONDS)


class Listener(VoiceServer):
    """Hears a sentence also where the recording goes on: a browser makes a hum of the silence after it."""

    def _transcribe(self, request: Recorded) -> web.StreamResponse:
        text = " ".join(recognised_in(from_wav(request["file"]), self.hears))
        self.transcripts.append(text)
        return web.json_response({"text": text})


@pytest.fixture
async def voice() -> AsyncIterator[VoiceServer]:
    espeak()
    async with Listener(hears=[QUESTION, ANSWER], answer=ANSWER) as server:
        yield server


@pytest.fixture
async def speaker(chromium: Path, voice: VoiceServer, tmp_path: Path) -> AsyncIterator[Browser]:
    """A browser whose microphone hears the question."""
    camera = camera_clip(tmp_path / "camera.y4m", [(scene(RED), 1)])
    question = tmp_path / "question.wav"
    question.write_bytes(to_wav(spoken(QUESTION)))
    async with running_chromium(chromium, camera, question) as running:
        yield running


@pytest.fixture
async def gateway(nats: Server, voice: VoiceServer) -> AsyncIterator[GatewayProcess]:
    settings = {"OPENAI_BASE_URL": voice.url, "OPENAI_API_KEY": "any", "AGENT_LLM_MODEL": "test-model"}
    async with running_gateway(nats.url, **settings) as running:
        yield running


async def test_a_spoken_question_is_heard_and_the_answer_spoken_until_it_is_stopped(
    speaker: Browser, gateway: GatewayProcess, voice: VoiceServer
) -> None:
    page = await speaker.new_page()
    await page.goto(gateway.url)
    await expect(page.locator("#status")).to_have_text("connected")
    await hold(page, until="Listening, 4 s")
    await expect(page.locator(".user")).to_have_text(QUESTION)
    assert voice.transcripts == [QUESTION]
    await expect(page.locator("#speaking")).to_be_visible()
    await page.get_by_role("button", name="Stop").click()
    await expect(page.locator("#speaking")).to_be_hidden()
    await expect(page.locator(".assistant.interrupted")).to_have_count(1)
    await expect(page.get_by_role("alert")).to_be_hidden()
    await page.close()


async def test_an_answer_is_spoken_to_its_end(speaker: Browser, gateway: GatewayProcess) -> None:
    page = await speaker.new_page()
    await page.goto(gateway.url)
    await expect(page.locator("#status")).to_have_text("connected")
    await page.get_by_label("What to say").fill(QUESTION)
    await page.get_by_role("button", name="Send").click()
    await expect(page.locator("#speaking")).to_be_visible()
    await expect(page.locator(".assistant:not(.writing)")).to_have_text(ANSWER)
    await expect(page.locator("#speaking")).to_be_hidden()
    await expect(page.get_by_role("button", name="Stop")).to_be_disabled()
    await expect(page.get_by_role("alert")).to_be_hidden()
    await page.close()


async def hold(page: Page, until: str) -> None:
    """Hold the button that one talks with."""
    button = page.locator("#talk")
    await button.hover()
    await page.mouse.down()
    await expect(button).to_contain_text(until)
    await page.mouse.up()
