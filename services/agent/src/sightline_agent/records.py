"""The record of a turn: measured as the model answers, published when it has."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from livekit.agents import FlushSentinel
from livekit.agents.llm import ChatChunk, ChatContext, ChatItem, ChatMessage, ImageContent

from sightline.messages import TurnRecord

MAX_BYTES = 512 * 1024
"""Of a record's messages; a message of the bus takes twice that."""


class TurnClock:
    """Takes what the model answers, and the time.

    Args:
        record: What is known before the model is asked.
        on_call: Called with the id of each call of a tool, before the tool runs.
    """

    def __init__(self, record: TurnRecord, on_call: Callable[[str], None] = lambda _: None) -> None:
        self._record = record
        self._on_call = on_call
        self._started = time.perf_counter()
        self._first: float | None = None
        self._reply: list[str] = []
        self._tokens: dict[str, int] = {}

    def take(self, chunk: ChatChunk | str | FlushSentinel) -> None:
        """One piece of the answer."""
        if isinstance(chunk, ChatChunk):
            if chunk.usage is not None:
                self._tokens = {
                    "prompt_tokens": chunk.usage.prompt_tokens,
                    "completion_tokens": chunk.usage.completion_tokens,
                }
            delta = chunk.delta
            text = (delta.content or "") if delta else ""
            calls = delta.tool_calls if delta else []
            for call in calls:
                self._on_call(call.call_id)
            answered = bool(text or calls)
        else:
            text = chunk if isinstance(chunk, str) else ""
            answered = bool(text)
        if answered and self._first is None:
            self._first = time.perf_counter() - self._started
        self._reply.append(text)

    def finish(self, chat_ctx: ChatContext, error: str = "") -> TurnRecord:
        """The whole record.

        Args:
            chat_ctx: As the model was sent it.
            error: Why there is no answer, or not all of it.
        """
        return self._record.model_copy(
            update={
                "messages": as_sent(chat_ctx),
                "reply": "".join(self._reply),
                "error": error,
                "first_token": self._first,
                "seconds": time.perf_counter() - self._started,
                **self._tokens,
            }
        )


def as_sent(chat_ctx: ChatContext) -> tuple[dict[str, Any], ...]:
    """The messages of a chat completion, pixels left out."""
    messages, _ = ChatContext([_without_frames(item) for item in chat_ctx.items]).to_provider_format("openai")
    return tuple(_without_pixels(message) for message in messages)


def fitting(record: TurnRecord) -> TurnRecord:
    """The record with as many of its newest messages as fit into one message of the bus."""
    left, size = 0, 0
    for message in reversed(record.messages):
        size += len(str(message).encode())
        if size > MAX_BYTES:
            break
        left += 1
    gone = len(record.messages) - left
    return record.model_copy(update={"messages": record.messages[gone:], "messages_left_out": gone})


def _without_frames(item: ChatItem) -> ChatItem:
    """Decoded images would be encoded once more, for nothing."""
    if not isinstance(item, ChatMessage) or not any(map(_is_frame, item.content)):
        return item
    content = [
        part.model_copy(update={"image": "data:image/jpeg;base64,"})
        if isinstance(part, ImageContent) and _is_frame(part)
        else part
        for part in item.content
    ]
    return item.model_copy(update={"content": content})


def _is_frame(part: object) -> bool:
    return isinstance(part, ImageContent) and not isinstance(part.image, str)


def _without_pixels(message: dict[str, Any]) -> dict[str, Any]:
    content = message.get("content")
    if not isinstance(content, list):
        return message
    return {**message, "content": [_part_without_pixels(part) for part in content]}


def _part_without_pixels(part: dict[str, Any]) -> dict[str, Any]:
    if part.get("type") != "image_url":
        return part
    head, _, data = part["image_url"]["url"].partition(",")
    if not head.startswith("data:"):
        return part
    size = len(data) * 3 // 4
    return {**part, "image_url": {**part["image_url"], "url": f"{head},({size:,} bytes left out)"}}
