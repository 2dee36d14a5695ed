"""The gateway's page in a real browser, whose camera shows a clip."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from playwright.async_api import Browser, Page, expect
from pydantic import SecretStr

from sightline import imaging
from sightline.bus import Bus
from sightline_gateway.serving.tokens import Tokens
from sightline_gateway.settings import GatewaySettings
from support.agents import completions, users_words
from support.gateway_process import GatewayProcess, running_gateway
from support.model_servers import OpenAIServer
from support.nats_server import Server
from support.relay import Relay
from support.scenes import RED, shows
from support.stage import captions
from support.storyteller import Storyteller

ANSWER = "That is a wall, and nothing else."
SECRET = "a secret of at least thirty-two bytes"
SECONDS = 30_000
"""In milliseconds, as the browser has it: what a busy machine may take."""

expect.set_options(timeout=SECONDS)


@pytest.fixture
async def model() -> AsyncIterator[Storyteller]:
    async with Storyteller(ANSWER) as server:
        yield server


@asynccontextmanager
async def serving(nats: Server, model: OpenAIServer, **settings: str) -> AsyncIterator[GatewayProcess]:
    """A gateway whose agent answers by this model."""
    settings = {"AGENT_LLM_BASE_URL": model.url, "AGENT_LLM_MODEL": "test-model", **settings}
    async with running_gateway(nats.url, **settings) as gateway:
        yield gateway


@asynccontextmanager
async def visiting(browser: Browser, url: str) -> AsyncIterator[Page]:
    """The page, visited. Nothing may be thrown in it, nor anything be against its security policy."""
    page = await browser.new_page()
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda said: problems.append(said.text) if "Security Policy" in said.text else None)
    await page.goto(url)
    yield page
    assert problems == []
    await page.close()


async def connected(page: Page) -> None:
    await expect(page.locator("#status")).to_have_text("connected")


async def ask(page: Page, question: str) -> None:
    await page.get_by_label("What to say").fill(question)
    await page.get_by_role("button", name="Send").click()


async def replied(page: Page, text: str, count: int = 1) -> None:
    replies = page.locator(".assistant:not(.writing)")
    await expect(replies).to_have_count(count)
    await expect(replies.last).to_have_text(text)


async def test_the_camera_is_shown_and_a_turn_carries_its_picture_and_caption(
    still_browser: Browser, nats: Server, bus: Bus, model: Storyteller, stages: None
) -> None:
    async with (
        captions(bus) as described,
        serving(nats, model) as gateway,
        visiting(still_browser, gateway.url) as page,
    ):
        await connected(page)
        await page.get_by_role("button", name="Camera").click()
        await expect(page.locator("video")).to_be_visible()
        await expect(page.locator("#shown-why")).to_have_text("the first one")
        await described.has(1)
        await ask(page, "What is that?")
        await replied(page, ANSWER)
        await expect(page.locator("#shown-why")).to_have_text("you said something")
        await expect(page.locator("#shown-size")).to_contain_text("640 × 360")
        await expect(page.locator(".knew")).to_contain_text("It knew 1 picture;")

    [request] = completions(model)
    assert shows(imaging.decode(request.image), RED)
    words = users_words(request)[-1]
    assert words.endswith("What is that?")
    assert "It is mostly red." in words
    assert "frames captured, latest at" in words


async def test_a_new_scene_is_sent_without_being_asked_for(
    browser: Browser, nats: Server, model: Storyteller
) -> None:
    # No stage runs and no time is set, so that nobody but the page itself looks for new scenes.
    async with (
        serving(nats, model, GATEWAY_TIMER_INTERVAL="0") as gateway,
        visiting(browser, gateway.url) as page,
    ):
        await connected(page)
        await page.get_by_role("button", name="Camera").click()
        await expect(page.locator("#shown-why")).to_have_text("the scene changed")
        await page.get_by_role("button", name="Camera").click()
        await expect(page.locator("video")).to_be_hidden()


async def test_a_reply_streams_into_the_page_and_can_be_stopped(
    browser: Browser, nats: Server, model: Storyteller
) -> None:
    async with serving(nats, model) as gateway, visiting(browser, gateway.url) as page:
        await connected(page)
        await ask(page, "Tell me a story.")
        await expect(page.locator(".assistant.writing")).to_have_text("Once upon a time ")
        await page.get_by_role("button", name="Stop").click()
        await expect(page.locator(".assistant.interrupted")).to_have_text("Once upon a time")
        await model.unheard.wait()
        await ask(page, "And now?")
        await replied(page, ANSWER, count=2)
        await expect(page.get_by_role("button", name="Stop")).to_be_disabled()


async def test_a_dropped_connection_is_made_again_and_the_conversation_goes_on(
    browser: Browser, nats: Server, model: Storyteller
) -> None:
    async with (
        serving(nats, model) as gateway,
        Relay(gateway.port) as relay,
        visiting(browser, relay.url) as page,
    ):
        await connected(page)
        await ask(page, "My name is Alice.")
        await replied(page, ANSWER)
        await relay.cut()
        await expect(page.locator("#status")).to_contain_text("trying again")
        await expect(page.get_by_role("button", name="Send")).to_be_disabled()
        await relay.mend()
        await connected(page)
        await ask(page, "What is my name?")
        await replied(page, ANSWER, count=2)
        await expect(page.locator(".note")).to_have_count(0)
    assert [words.splitlines()[-1] for words in users_words(completions(model)[-1])] == [
        "My name is Alice.",
        "What is my name?",
    ]


async def test_a_session_that_is_over_begins_anew_and_the_page_says_so(
    browser: Browser, nats: Server, model: Storyteller
) -> None:
    async with (
        serving(nats, model, GATEWAY_RESUME_SECONDS="0") as gateway,
        Relay(gateway.port) as relay,
        visiting(browser, relay.url) as page,
    ):
        await connected(page)
        await relay.cut()
        await expect(page.locator("#status")).to_contain_text("trying again")
        await relay.mend()
        await connected(page)
        await expect(page.locator(".note")).to_have_text("A new conversation: the one before is over.")
        await ask(page, "What is my name?")
        await replied(page, ANSWER)


async def test_without_a_camera_the_page_says_why_and_one_can_type(
    browser_without_devices: Browser, nats: Server, model: Storyteller
) -> None:
    async with serving(nats, model) as gateway, visiting(browser_without_devices, gateway.url) as page:
        await connected(page)
        await page.get_by_role("button", name="Camera").click()
        await expect(page.get_by_role("alert")).to_contain_text("The camera cannot be used.")
        await expect(page.get_by_role("alert")).to_contain_text("You can go on by typing.")
        await ask(page, "Hello?")
        await replied(page, ANSWER)
        await expect(page.get_by_role("alert")).to_be_hidden()


async def test_where_a_token_is_asked_for_the_page_asks_for_it(
    browser_without_devices: Browser, nats: Server, model: Storyteller
) -> None:
    secret = {"GATEWAY_JWT_SECRET": SECRET, "GATEWAY_AUTH_SECONDS": "0.1"}
    token = Tokens(GatewaySettings(jwt_secret=SecretStr(SECRET))).issue("alices", 60, "alice")
    async with (
        serving(nats, model, **secret) as gateway,
        visiting(browser_without_devices, gateway.url) as page,
    ):
        field = page.get_by_label("This gateway asks for a token.")
        await field.fill(token[:-2])
        await page.get_by_role("button", name="Connect").click()
        await expect(page.get_by_role("alert")).to_contain_text("the token is not taken")
        await field.fill(token)
        await page.get_by_role("button", name="Connect").click()
        await connected(page)
        await expect(field).to_be_hidden()
        await ask(page, "Hello?")
        await replied(page, ANSWER)


async def test_without_a_model_the_reply_shows_what_one_would_have_been_sent(
    still_browser: Browser, nats: Server, bus: Bus, stages: None
) -> None:
    async with (
        captions(bus) as described,
        running_gateway(nats.url) as gateway,
        visiting(still_browser, gateway.url) as page,
    ):
        await connected(page)
        await page.get_by_role("button", name="Camera").click()
        await described.has(1)
        await ask(page, "What is that?")
        reply = page.locator(".assistant:not(.writing)")
        await expect(reply).to_contain_text("No language model is configured, so nobody answered.")
        await expect(reply).to_contain_text("This is what a model would have been sent:")
        await expect(reply).to_contain_text("[a picture]")
        await expect(reply).to_contain_text("It is mostly red.")
        await expect(reply).to_contain_text("What is that?")


async def test_a_screen_is_shown_in_the_place_of_the_camera(
    browser: Browser, nats: Server, model: Storyteller
) -> None:
    async with serving(nats, model) as gateway, visiting(browser, gateway.url) as page:
        await connected(page)
        camera, screen = (page.get_by_role("button", name=name) for name in ("Camera", "Share screen"))
        await camera.click()
        await expect(camera).to_have_attribute("aria-pressed", "true")
        await expect(page.locator("#shown-size")).to_contain_text("640 × 360")
        await screen.click()
        await expect(screen).to_have_attribute("aria-pressed", "true")
        await expect(camera).to_have_attribute("aria-pressed", "false")
        # A screen is not as large as this camera's picture.
        await expect(page.locator("#shown-size")).not_to_contain_text("640 × 360")
        await screen.click()
        await expect(page.locator("video")).to_be_hidden()
