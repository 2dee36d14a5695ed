"""Images that an agent's developer puts into a chat context: from URLs, files, bytes and frames."""

from __future__ import annotations

import asyncio
import base64
from pathlib import Path
from urllib.parse import quote

import pytest
from livekit import rtc
from livekit.agents import Agent
from livekit.agents.llm import ChatContext

from sightline import imaging
from sightline_agent.images import ImageError, ImageSettings, image_content, initial_context
from sightline_agent.models import language_model
from sightline_agent.turn import text_session
from support.agents import completions, talking_to, users_words
from support.encoded import SVG, encoded
from support.frames import RED, plain
from support.model_servers import OpenAIServer
from support.recorded import Recorded

CAT = encoded("PNG")
DATA_URL = f"data:image/png;base64,{base64.b64encode(CAT).decode()}"
SETTINGS = ImageSettings()


def video_frame(width: int = 640, height: int = 360) -> rtc.VideoFrame:
    pixels = plain(RED, width, height)
    return rtc.VideoFrame(width, height, rtc.VideoBufferType.RGB24, pixels.tobytes())


async def ask(model: OpenAIServer, context: ChatContext) -> Recorded:
    """One turn of an agent that begins with this conversation."""
    settings = talking_to(model)
    llm = await asyncio.to_thread(language_model, settings)
    session = text_session(llm, settings)
    try:
        await session.start(Agent(instructions="Be brief.", chat_ctx=context))
        await session.run(user_input="What is it?")
    finally:
        await session.aclose()
        await llm.aclose()
    [asked] = completions(model)
    return asked


async def test_a_conversation_begins_with_images_of_a_file_a_data_url_and_bytes(
    model: OpenAIServer, tmp_path: Path
) -> None:
    file = tmp_path / "cat"
    file.write_bytes(CAT)
    dog = encoded("JPEG", colour="blue")
    context = await initial_context([file, DATA_URL, dog], "Here is my cat, twice, and a dog.")
    asked = await ask(model, context)
    assert asked.images == [CAT, CAT, dog]
    assert users_words(asked) == ["Here is my cat, twice, and a dog.", "What is it?"]


async def test_a_url_that_the_provider_fetches_is_passed_on_untouched(model: OpenAIServer) -> None:
    url = "https://cdn.example.com/a%20cat.png?size=1&sig=%2B"
    asked = await ask(model, await initial_context([url], fetch=False))
    [part] = [part for part in asked.messages[1]["content"] if part["type"] == "image_url"]
    assert part["image_url"]["url"] == url


async def test_a_url_is_not_fetched_from_a_host_that_is_not_listed() -> None:
    with pytest.raises(ImageError, match="AGENT_IMAGE_HOSTS"):
        await image_content("https://cdn.example.com/cat.png", settings=SETTINGS)


async def test_the_type_is_told_by_the_bytes_and_not_by_the_url(model: OpenAIServer) -> None:
    jpeg = encoded("JPEG")
    claims_png = f"data:image/png;base64,{base64.b64encode(jpeg).decode()}"
    content = await image_content(claims_png)
    assert content.mime_type == "image/jpeg"
    assert str(content.image).startswith("data:image/jpeg;base64,")


async def test_a_data_url_need_not_be_base64() -> None:
    content = await image_content("data:image/png," + quote(CAT))
    assert content.image == DATA_URL


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ((None, None), (640, 360)),
        ((320, 320), (320, 180)),
        ((160, None), (160, 90)),
        ((None, 90), (160, 90)),
    ],
)
async def test_a_frame_of_a_video_is_scaled_to_what_inference_wants(
    model: OpenAIServer, given: tuple[int | None, int | None], sent: tuple[int, int]
) -> None:
    width, height = given
    content = await image_content(video_frame(), inference_width=width, inference_height=height, detail="low")
    context = ChatContext.empty()
    context.add_message(role="user", content=[content])
    asked = await ask(model, context)
    header = imaging.check(asked.image)
    assert (header.content_type, header.width, header.height) == ("image/jpeg", *sent)
    assert asked.pixels[:, :, 0].mean() > 200
    [part] = [part for part in asked.messages[1]["content"] if part["type"] == "image_url"]
    assert part["image_url"]["detail"] == "low"


@pytest.mark.parametrize("kind", ["RGBA", "ARGB", "BGRA", "I420", "I420A", "I422", "I444", "NV12"])
async def test_a_frame_of_any_layout_reaches_the_model(model: OpenAIServer, kind: str) -> None:
    size = {"I420": 1.5, "NV12": 1.5, "I422": 2, "I420A": 2.5, "I444": 3}.get(kind, 4)
    data = bytes([200]) * int(64 * 48 * size)
    content = await image_content(rtc.VideoFrame(64, 48, getattr(rtc.VideoBufferType, kind), data))
    context = ChatContext.empty()
    context.add_message(role="user", content=[content])
    assert (await ask(model, context)).pixels.shape == (48, 64, 3)


@pytest.mark.parametrize("kind", ["ABGR", "I010"])
async def test_a_frame_that_would_abort_the_process_is_refused(kind: str) -> None:
    frame = rtc.VideoFrame(64, 48, getattr(rtc.VideoBufferType, kind), bytes(64 * 48 * 4))
    with pytest.raises(ImageError, match=f"got {kind}"):
        await image_content(frame)


async def test_a_frame_of_no_size_is_refused() -> None:
    with pytest.raises(ImageError, match="at least one pixel"):
        await image_content(video_frame(), inference_width=0)


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("data:image/png;base64", "without a comma"),
        ("data:image/png;base64,%%%", "expected base64"),
        (f"data:image/svg+xml;base64,{base64.b64encode(SVG).decode()}", "expected a JPEG, PNG, WebP or GIF"),
        ("/etc/passwd", "a file is named by a pathlib.Path"),
        ("file:///etc/passwd", "a file is named by a pathlib.Path"),
        ("ftp://example.com/cat.png", "expected a data: or https: URL"),
        (Path("/no/such/cat.png"), "cannot be read: No such file"),
        (Path("/"), "cannot be read: Is a directory"),
        (b"no picture", "expected a JPEG, PNG, WebP or GIF"),
    ],
)
async def test_what_is_no_image_is_refused_and_says_why(source: str | Path | bytes, why: str) -> None:
    with pytest.raises(ImageError, match=why):
        await image_content(source)


async def test_limits_hold_for_every_source(tmp_path: Path) -> None:
    small = ImageSettings(image_max_bytes=1000)
    file = tmp_path / "large.png"
    file.write_bytes(CAT + bytes(2000))
    for source, why in (
        (file, "has more than 1,000 bytes"),
        (file.read_bytes(), "1,000 are taken"),
        (f"data:image/png;base64,{'A' * 5000}", "5,000 characters; 1,000 bytes are taken"),
    ):
        with pytest.raises(ImageError, match=why):
            await image_content(source, settings=small)


async def test_only_the_web_is_passed_on_to_a_provider() -> None:
    with pytest.raises(ImageError, match="expected an https URL for the model's provider"):
        await image_content("file:///etc/passwd", fetch=False)


async def test_a_data_url_is_checked_also_where_nothing_is_fetched() -> None:
    with pytest.raises(ImageError, match="expected a JPEG, PNG, WebP or GIF"):
        await image_content("data:image/png;base64,aGVsbG8=", fetch=False)
