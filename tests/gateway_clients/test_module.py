"""The page's module on a page of somebody else's, against somebody else's VideoAgent."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiohttp import web
from playwright.async_api import Browser

import sightline_gateway
from sightline import imaging
from support.scenes import RED, shows

MODULE = Path(sightline_gateway.__file__).with_name("static")
PAGE = """\
<!doctype html>
<video muted></video>
<script type="module">
  import { SightlineClient } from "./copied/sightline.js";
  const video = document.querySelector("video");
  video.srcObject = await navigator.mediaDevices.getUserMedia({ video: true });
  await video.play();
  const client = new SightlineClient(location.href.replace("http", "ws") + "agent");
  client.addEventListener("capture_frame", () => document.title = "asked");
  await client.connect();
  client.camera(video);
</script>
"""


class VideoAgent:
    """As the SDK has it: no resume key in `session_init`, and nothing but text messages.

    Attributes:
        frames: The `video_frame` messages, as they came.
    """

    def __init__(self) -> None:
        self.frames: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.send_json({"type": "session_init", "sessionId": "vs_1"})
        async for message in socket:
            said = json.loads(message.data)
            if said["type"] == "client_ready":
                await socket.send_json({"type": "session_init", "sessionId": "vs_1"})
            elif said["type"] == "video_frame":
                ack = {"type": "frame_ack", "sequence": said["sequence"], "timestamp": said["timestamp"]}
                await socket.send_json(ack)
                if said["triggerReason"] == "initial":
                    await socket.send_json({"type": "capture_frame", "reason": "timer", "timestamp": 1})
                self.frames.put_nowait(said)
        return socket


@asynccontextmanager
async def serving(agent: VideoAgent) -> AsyncIterator[str]:
    async def page(_: web.Request) -> web.Response:
        return web.Response(text=PAGE, content_type="text/html")

    app = web.Application()
    app.add_routes([web.get("/", page), web.get("/agent", agent.serve), web.static("/copied", MODULE)])
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/"
    finally:
        await runner.cleanup()


async def test_a_page_that_copied_the_module_shows_its_camera_to_a_videoagent(still_browser: Browser) -> None:
    agent = VideoAgent()
    async with serving(agent) as url:
        page = await still_browser.new_page()
        await page.goto(url)
        first = await agent.frames.get()
        asked_for = await agent.frames.get()
        await page.close()
    assert (first["triggerReason"], asked_for["triggerReason"]) == ("initial", "timer")
    assert (first["sessionId"], asked_for["sequence"] - first["sequence"]) == ("vs_1", 1)
    image = first["image"]
    assert (image["format"], image["width"], image["height"]) == ("webp", 640, 360)
    assert shows(imaging.decode(base64.b64decode(image["data"])), RED)
