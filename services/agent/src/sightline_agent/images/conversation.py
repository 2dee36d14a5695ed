"""Uploads as messages of a conversation."""

from __future__ import annotations

from collections.abc import Sequence

from livekit.agents.llm import ChatContent, ChatContext, ChatMessage, ImageContent

from sightline_agent.images.content import content_of
from sightline_agent.images.upload import Refusal, Upload
from sightline_agent.render import MAX_NAME_CHARS, clean

EXTRA = "sightline_uploads"
"""Our key in ``ChatMessage.extra``; no provider is sent it."""


def message_of(
    text: str, uploads: Sequence[Upload | Refusal], descriptions: dict[str, str] | None
) -> ChatMessage:
    """What somebody said, with the images that they sent, each with a line that says whose it is.

    Args:
        text: Their words; empty for images alone.
        uploads: In the order in which they were named.
        descriptions: Of each upload's id, for models that cannot see; None shows the images.
    """
    content: list[ChatContent] = [text] if text else []
    for each in uploads:
        if isinstance(each, Refusal):
            content.append(f"[{_what(each)} was not taken: {clean(each.reason, 300)}]")
        elif descriptions is None:
            content += [f"[{_what(each)}]", content_of(each.picture)]
        else:
            content.append(_told(each, descriptions.get(each.id, "")))
    return ChatMessage(role="user", content=content, extra={EXTRA: True} if uploads else {})


def with_fewer_images(context: ChatContext, kept: int) -> ChatContext:
    """The conversation with only the newest ``kept`` uploads as images; the lines about others stay."""
    left = kept
    items = list(context.items)
    for place in range(len(items) - 1, -1, -1):
        item = items[place]
        if not isinstance(item, ChatMessage) or EXTRA not in item.extra:
            continue
        content: list[ChatContent] = []
        for part in reversed(item.content):
            if isinstance(part, ImageContent):
                left -= 1
            if not isinstance(part, ImageContent) or left >= 0:
                content.insert(0, part)
            else:
                content.insert(0, "[that image is not shown any more]")
        items[place] = item.model_copy(update={"content": content})
    return ChatContext(items)


def images_in(message: ChatMessage) -> int:
    return sum(isinstance(part, ImageContent) for part in message.content)


def _what(upload: Upload | Refusal) -> str:
    name = f', "{upload.name}"' if upload.name else ""
    return f"{clean(upload.sender, MAX_NAME_CHARS) or 'somebody'} sent an image{name}"


def _told(upload: Upload, description: str) -> str:
    if not description:
        return f"[{_what(upload)}, which you cannot see]"
    return f'[{_what(upload)}. You cannot see it; a vision system described it as: "{description}"]'
