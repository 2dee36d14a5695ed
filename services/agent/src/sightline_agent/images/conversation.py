"""Uploads as messages of a conversation. They are messages of their own: what the user says stays theirs."""

from __future__ import annotations

from livekit.agents.llm import ChatContent, ChatContext, ChatMessage, ImageContent

from sightline_agent.conversation import UPLOAD
from sightline_agent.images.content import content_of
from sightline_agent.images.upload import Refusal, Upload
from sightline_agent.render import MAX_NAME_CHARS, clean

GONE = "[that image is not shown any more]"


def message_of(upload: Upload | Refusal, description: str | None = None) -> ChatMessage:
    """An upload, after a line that says whose it is.

    Args:
        description: What it shows, for a model that cannot see, or "" where nobody knows; None shows
            the image.
    """
    what = _what(upload)
    content: list[ChatContent]
    if isinstance(upload, Refusal):
        content = [f"[{what}, which was not taken: {clean(upload.reason, 300)}]"]
    elif description is None:
        content = [f"[{what}]", content_of(upload.picture)]
    elif description:
        content = [f'[{what}. You cannot see it; a vision system described it as: "{description}"]']
    else:
        content = [f"[{what}, which you cannot see]"]
    return ChatMessage(role="user", content=content, extra={UPLOAD: upload.sender})


def with_upload(context: ChatContext, message: ChatMessage, kept: int) -> ChatContext:
    """The conversation with one upload more, and of all uploads only the newest ``kept`` as images."""
    left = kept - _images_in(message)
    items = list(context.items)
    for place in range(len(items) - 1, -1, -1):
        item = items[place]
        if isinstance(item, ChatMessage) and UPLOAD in item.extra and _images_in(item):
            left -= 1
            if left < 0:
                items[place] = item.model_copy(update={"content": [_without_image(p) for p in item.content]})
    changed = ChatContext(items)
    changed.insert(message)
    return changed


def _images_in(message: ChatMessage) -> int:
    return sum(isinstance(part, ImageContent) for part in message.content)


def _without_image(part: ChatContent) -> ChatContent:
    return GONE if isinstance(part, ImageContent) else part


def _what(upload: Upload | Refusal) -> str:
    name = f', "{upload.name}"' if upload.name else ""
    return f"{clean(upload.sender, MAX_NAME_CHARS) or 'somebody'} sent an image{name}"
