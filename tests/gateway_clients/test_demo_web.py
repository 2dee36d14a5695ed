"""`sightline demo-web` as a process: what a newcomer starts, and what ends with it."""

from __future__ import annotations

import asyncio
import signal
import socket
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import psutil
import pytest
from playwright.async_api import Browser, expect

from sightline.bus import Bus
from sightline.config import BusSettings
from sightline.embedded import HOST, free_port
from sightline_gateway.client import GatewayClient
from support.agents import completions, users_words
from support.command_line import records, sightline, started
from support.encoded import encoded
from support.model_servers import MoondreamServer, OpenAIServer
from support.stage import captions

pytestmark = pytest.mark.slow

SECONDS = 30_000


async def test_a_newcomer_shows_something_and_asks_about_it(still_browser: Browser) -> None:
    async with demo("--port", str(free_port())) as (ready, bus), captions(bus) as described:
        assert ready["model"] is False
        page = await still_browser.new_page()
        await page.goto(ready["url"])
        await page.get_by_role("button", name="Camera").click()
        await described.has(1)
        await page.get_by_label("What to say").fill("What do you see?")
        await page.get_by_role("button", name="Send").click()
        reply = page.locator(".assistant:not(.writing)")
        # No account, no model: the caption that one would have read is there to be seen.
        await expect(reply).to_contain_text("No language model is configured", timeout=SECONDS)
        await expect(reply).to_contain_text("It is mostly red.")
        await page.close()


async def test_with_models_in_the_environment_these_describe_and_answer() -> None:
    async with (
        MoondreamServer("a wall of red bricks") as moondream,
        OpenAIServer("Bricks.") as model,
        demo(
            MOONDREAM_ENDPOINT=moondream.url,
            AGENT_LLM_BASE_URL=model.url,
            GATEWAY_JWT_SECRET="of a gateway of the user's own, not the demo's",
        ) as (ready, bus),
        captions(bus) as described,
        GatewayClient(ready["url"], camera=lambda _: encoded("WEBP", (640, 360))) as client,
    ):
        assert ready["model"] is True
        await described.has(1)
        assert (await client.ask("What do you see?")).text == "Bricks."
        assert "a wall of red bricks" in users_words(completions(model)[-1])[-1]


@pytest.mark.parametrize("times", [1, 2], ids=["once", "passed on by make, too"])
async def test_it_says_where_the_page_is_and_ends_with_all_its_processes(times: int) -> None:
    port = free_port()
    async with started("demo-web", "--port", str(port)) as process:
        said = await said_until(process, "^C ends it.")
        assert f"Open          http://{HOST}:{port}/" in said
        assert "OPENAI_API_KEY" in said
        processes = psutil.Process(process.pid).children(recursive=True)
        assert len(processes) >= 4  # NATS, the captioner, the encoder, the gateway
        for _ in range(times):
            process.send_signal(signal.SIGTERM if times > 1 else signal.SIGINT)
        async with asyncio.timeout(30):
            _, err = await process.communicate()
        assert (process.returncode, err) == (0, b"")
    _, alive = await asyncio.to_thread(psutil.wait_procs, processes, 10)
    assert not alive


async def test_a_port_that_is_taken_is_named() -> None:
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        taken.listen()
        port = taken.getsockname()[1]
        finished = await sightline("demo-web", "--port", str(port))
    assert (finished.code, finished.out) == (2, "")
    assert f"--port: expected a free port of {HOST}, but something listens on {port}" in finished.err


@asynccontextmanager
async def demo(*arguments: str, **settings: str) -> AsyncIterator[tuple[dict[str, Any], Bus]]:
    """A demo whose page is there: what it said of it, and its bus."""
    async with started("demo-web", "--json", *arguments, **settings) as process:
        ready = await anext(records(process))
        assert ready["event"] == "ready"
        async with Bus.open(BusSettings(url=ready["nats_url"]), name="test") as bus:
            yield ready, bus


async def said_until(process: Process, last: str) -> str:
    assert process.stdout is not None
    said = ""
    async for line in process.stdout:
        said += line.decode()
        if line.decode().strip() == last:
            return said
    raise AssertionError(f"it ended after {said!r}")
