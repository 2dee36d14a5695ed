"""Images for a conversation, from wherever an agent's developer has them."""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import Iterable
from pathlib import Path
from typing import Literal
from urllib.parse import unquote_to_bytes

from livekit import rtc
from livekit.agents.llm import ChatContent, ChatContext, ImageContent

from sightline.config import load
from sightline_agent.images.fetch import fetch as fetch_image
from sightline_agent.images.settings import ImageSettings
from sightline_agent.images.still import ImageError, Still, still

_TYPES = rtc.VideoBufferType
_READY = frozenset({_TYPES.RGBA, _TYPES.I420})
_DEADLY = frozenset({_TYPES.ABGR, _TYPES.I010})
"""Converting these aborts the process, in livekit-rtc 1.1; of others some fail only when a model is asked."""

ImageSource = str | Path | bytes | rtc.VideoFrame
Detail = Literal["auto", "low", "high"]


async def image_content(
    source: ImageSource,
    *,
    settings: ImageSettings | None = None,
    fetch: bool = True,
    inference_width: int | None = None,
    inference_height: int | None = None,
    detail: Detail = "auto",
) -> ImageContent:
    """An image for a message of a chat context.

    What is read here is checked: its type by its bytes, its size, that it is whole; and scaled down to
    ``AGENT_IMAGE_MAX_SIDE``.

    Args:
        source: A URL (``https:``, or ``data:``), a file's ``Path``, the bytes of an encoded picture, or
            a frame of a video. A file is never named by a string: strings may come from anybody.
        settings: What is taken, and from which hosts; ``AGENT_IMAGE_…`` by default.
        fetch: Whether the URL is fetched here. If not, it is passed on as it is, and the model's
            provider fetches it: then nothing of it is checked.
        inference_width: Pixels that a frame is scaled to fit into, with ``inference_height``.
        inference_height: See ``inference_width``.
        detail: How closely the model looks, where its API has that choice.

    Raises:
        ImageError: The image is not taken, and why.
    """
    if isinstance(source, rtc.VideoFrame):
        width, height = _fit(source, inference_width, inference_height)
        frame = await asyncio.to_thread(_usable, source)
        return ImageContent(
            image=frame, inference_width=width, inference_height=height, inference_detail=detail
        )
    if isinstance(source, str) and not fetch and not source.startswith("data:"):
        return ImageContent(image=_passed_on(source), inference_detail=detail)
    taken = settings or load(ImageSettings)
    if isinstance(source, str) and source.startswith(("https:", "http:")):
        source = await fetch_image(source, taken)
    return await asyncio.to_thread(_checked, source, taken, detail)


async def initial_context(
    images: Iterable[ImageSource],
    text: str = "",
    *,
    settings: ImageSettings | None = None,
    fetch: bool = True,
) -> ChatContext:
    """A conversation that begins with images: ``VisionAgent(chat_ctx=await initial_context([…], "…"))``.

    Args:
        images: See ``image_content``.
        text: What the user says, or said, with them.

    Raises:
        ImageError: One of the images is not taken, and why.
    """
    contents = [await image_content(each, settings=settings, fetch=fetch) for each in images]
    context = ChatContext.empty()
    content: list[ChatContent] = [*([text] if text else []), *contents]
    context.add_message(role="user", content=content)
    return context


def content_of(picture: Still, detail: Detail = "auto") -> ImageContent:
    """A picture as content of a message."""
    return ImageContent(image=picture.url, mime_type=picture.content_type, inference_detail=detail)


def _checked(source: str | Path | bytes, settings: ImageSettings, detail: Detail) -> ImageContent:
    if isinstance(source, Path):
        source = _read(source, settings.image_max_bytes)
    elif isinstance(source, str):
        source = _data_of_url(source, settings.image_max_bytes)
    return content_of(still(source, settings), detail)


def _data_of_url(url: str, max_bytes: int) -> bytes:
    """The bytes of ``data:[type][;base64],…``; the type that it claims is not looked at."""
    head, comma, body = url.partition(",")
    if not head.startswith("data:"):
        raise ImageError(
            f"expected a data: or https: URL, got {url[:60]!r}; a file is named by a pathlib.Path"
        )
    if not comma:
        raise ImageError("expected data:image/…;base64,…, got a data URL without a comma")
    if len(body) > max_bytes * 3:
        raise ImageError(f"the data URL has {len(body):,} characters; {max_bytes:,} bytes are taken")
    raw = unquote_to_bytes(body)
    if not head.endswith(";base64"):
        return raw
    try:
        return base64.b64decode(raw, validate=True)
    except binascii.Error as error:
        raise ImageError(f"expected base64 in the data URL: {error}") from None


def _read(path: Path, max_bytes: int) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(max_bytes + 1)
    except OSError as error:
        raise ImageError(f"the image {path} cannot be read: {error.strerror}") from error
    if len(data) > max_bytes:
        raise ImageError(f"the image {path} has more than {max_bytes:,} bytes")
    return data


def _passed_on(url: str) -> str:
    if not url.startswith(("https://", "http://")):
        raise ImageError(f"expected an https URL for the model's provider to fetch, got {url[:60]!r}")
    return url


def _usable(frame: rtc.VideoFrame) -> rtc.VideoFrame:
    """A frame that LiveKit can encode when the model is asked."""
    if frame.type in _DEADLY:
        name = _TYPES.Name(frame.type)
        raise ImageError(
            f"expected a frame in RGBA, I420 or the like, got {name}, which LiveKit cannot convert"
        )
    return frame if frame.type in _READY else frame.convert(_TYPES.I420)


def _fit(frame: rtc.VideoFrame, width: int | None, height: int | None) -> tuple[int | None, int | None]:
    """Both sides, where one is given: LiveKit scales by both or not at all."""
    if any(side is not None and side < 1 for side in (width, height)):
        raise ImageError(f"expected sides of at least one pixel, got {width} × {height}")
    if width is not None and height is None:
        return width, max(1, round(width * frame.height / frame.width))
    if height is not None and width is None:
        return max(1, round(height * frame.width / frame.height)), height
    return width, height
