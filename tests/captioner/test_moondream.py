"""Moondream's protocol, as its own package speaks it."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import moondream
import pytest
from PIL import Image

from sightline.errors import RetryableError
from sightline_captioner.settings import CaptionerSettings, Length
from sightline_captioner.worker import Captioner
from support.frames import BLUE, RED, frame, plain
from support.model_servers import Body, MoondreamServer


@asynccontextmanager
async def captioner(
    server: MoondreamServer, key: str = "", model: str = "", **settings: object
) -> AsyncIterator[Captioner]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MOONDREAM_ENDPOINT", server.url)
        patch.setenv("MOONDREAM_API_KEY", key)
        patch.setenv("MOONDREAM_MODEL", model)
        worker = Captioner(CaptionerSettings.model_validate(settings))
    await worker.start()
    try:
        yield worker
    finally:
        await worker.close()


async def test_a_frame_becomes_a_caption_of_what_it_shows() -> None:
    async with MoondreamServer() as server, captioner(server) as worker:
        red = await worker.process(frame(plain(RED, 640, 360)))
        blue = await worker.process(frame(plain(BLUE, 320, 240)))
    assert red.text == "a red picture of 640 by 360 pixels"
    assert blue.text == "a blue picture of 320 by 240 pixels"
    assert (red.model, red.prompt, red.data) == ("moondream", "caption, normal", None)


async def test_the_picture_travels_as_it_came() -> None:
    one = frame(plain(RED))
    async with MoondreamServer() as server, captioner(server) as worker:
        await worker.process(one)
        [request] = server.requests
    assert request.image == one.data
    assert request["image_url"].startswith("data:image/jpeg;base64,")


async def test_the_type_of_a_picture_is_told_by_its_bytes() -> None:
    png = io.BytesIO()
    Image.fromarray(plain(RED)).save(png, "PNG")
    async with MoondreamServer() as server, captioner(server) as worker:
        await worker.process(frame(png.getvalue()))
        assert server.requests[0]["image_url"].startswith("data:image/png;base64,")


@pytest.mark.parametrize("length", ["short", "normal", "long"])
async def test_the_length_is_asked_for(length: Length) -> None:
    async with MoondreamServer() as server, captioner(server, length=length) as worker:
        caption = await worker.process(frame(plain(RED)))
        assert server.requests[0]["length"] == length
        assert caption.prompt == f"caption, {length}"


async def test_a_prompt_is_a_query() -> None:
    server = MoondreamServer(reply=lambda pixels, question: f"{question} Two, {pixels.shape[1]} wide.")
    async with server, captioner(server, prompt="How many people?") as worker:
        caption = await worker.process(frame(plain(RED)))
        assert server.requests[0].path == "/v1/query"
    assert caption.text == "How many people? Two, 640 wide."
    assert caption.prompt == "How many people?"


async def test_a_question_is_answered_about_the_frame() -> None:
    server = MoondreamServer(reply=lambda pixels, question: f"{question} {pixels.shape}")
    async with server, captioner(server, prompt="unused here") as worker:
        assert await worker.ask(frame(plain(BLUE)), "What shape?") == "What shape? (360, 640, 3)"


async def test_requests_are_what_the_moondream_package_sends() -> None:
    one = frame(plain(RED))
    async with MoondreamServer(api_key="k") as server:
        package = moondream.vl(api_key="k", endpoint=server.url, model="moondream3-preview")
        image = moondream.types.Base64EncodedImage(image_url="data:image/jpeg;base64,AA==")
        ours = captioner(server, "k", "moondream3-preview", length="short")
        async with ours as worker:
            await worker.process(one)
            await worker.ask(one, "Who?")
        with pytest.raises(Exception, match="400"):
            await asyncio.to_thread(package.caption, image, "short")
        with pytest.raises(Exception, match="400"):
            await asyncio.to_thread(package.query, image, "Who?")
        caption, query, its_caption, its_query = server.requests
    for mine, theirs in ((caption, its_caption), (query, its_query)):
        assert mine.path == theirs.path
        assert mine.body | {"image_url": ""} == theirs.body | {"image_url": ""}
        for header in ("x-moondream-auth", "content-type"):
            assert mine.headers[header] == theirs.headers[header]


async def test_a_server_without_keys_gets_none() -> None:
    async with MoondreamServer() as server, captioner(server) as worker:
        await worker.process(frame(plain(RED)))
        assert "x-moondream-auth" not in server.requests[0].headers
        assert "model" not in server.requests[0].body


async def test_moondream_stations_error_in_a_200_is_retried() -> None:
    async with MoondreamServer() as server, captioner(server) as worker:
        server.fault = Body(b'{"error": "Request timed out"}')
        with pytest.raises(RetryableError, match="answered with an error: Request timed out"):
            await worker.process(frame(plain(RED)))


async def test_one_connection_carries_all_requests_in_a_row() -> None:
    async with MoondreamServer() as server, captioner(server) as worker:
        for sequence in range(1, 11):
            await worker.process(frame(plain(RED), sequence))
        assert (len(server.requests), server.connections) == (10, 1)
