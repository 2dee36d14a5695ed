"""Binary messages: one line of JSON, a newline, and the data behind it, in both directions.

The line is the message as it would be in text, with its base64 left empty or out; what it would have
held follows as it is. Only messages that carry data have this form: ``video_frame`` and ``audio`` from
a client, ``audio_chunk`` from the server.
"""

from __future__ import annotations

import json
from typing import Any, TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError

from sightline.errors import DecodeError
from sightline_gateway.protocol import (
    Audio,
    AudioChunk,
    ClientMessage,
    ServerMessage,
    VideoFrame,
    from_client,
    from_server,
)

MAX_HEADER = 16 * 1024
"""Bytes of the line of JSON."""

_EXPLAINED = 300
_CARRIERS = (VideoFrame, Audio, AudioChunk)

M = TypeVar("M")


class NotJsonError(DecodeError):
    """What came is no JSON at all: the two sides do not speak the same protocol."""


def pack(message: VideoFrame | Audio | AudioChunk, data: bytes) -> bytes:
    """A message and its data as one binary message. What base64 the message holds is left out."""
    fields = message.model_dump(mode="json", by_alias=True, exclude_none=True)
    (fields["image"] if isinstance(message, VideoFrame) else fields).pop("data")
    return json.dumps(fields, separators=(",", ":")).encode() + b"\n" + data


def unpack(payload: bytes) -> tuple[ClientMessage, bytes]:
    """A client's binary message.

    Raises:
        NotJsonError: It does not begin with a line of JSON.
        DecodeError: The line is no message that can carry data.
    """
    return _unpack(payload, from_client)


def unpack_server(payload: bytes) -> tuple[ServerMessage, bytes]:
    """The server's binary message; raises as ``unpack`` does."""
    return _unpack(payload, from_server)


def _unpack(payload: bytes, form: TypeAdapter[M]) -> tuple[M, bytes]:
    end = payload.find(b"\n", 0, MAX_HEADER)
    if end < 0:
        raise NotJsonError(
            f"expected a binary message to begin with a line of JSON of at most {MAX_HEADER} bytes, got "
            f"{len(payload)} bytes without a newline there"
        )
    message = decode(form, payload[:end])
    if not isinstance(message, _CARRIERS):
        kind = getattr(message, "type", "?")
        raise DecodeError(f"{kind} carries no data: send it as a text message")
    if message.image.data if isinstance(message, VideoFrame) else message.data:
        raise DecodeError("expected `data` to be empty in a binary message: the bytes follow the newline")
    return message, payload[end + 1 :]


def decode(form: TypeAdapter[M], line: str | bytes) -> M:
    """A message from its JSON.

    Raises:
        NotJsonError: It is no JSON.
        DecodeError: It is JSON, and no such message; says what was expected and where.
    """
    try:
        return form.validate_json(line)
    except ValidationError as error:
        # Without the values: they may be pictures, tokens, or what somebody said.
        problem = error.errors(include_url=False, include_context=False, include_input=False)[0]
    said = problem["msg"][:_EXPLAINED]
    if problem["type"] == "json_invalid":
        raise NotJsonError(f"expected JSON: {said.removeprefix('Invalid JSON: ')}")
    raise DecodeError(f"{_place(problem['loc'])}: {said}" if problem["loc"] else said)


def _place(location: tuple[int | str, ...]) -> str:
    """``video_frame.image.width``"""
    return ".".join(str(part) for part in location)[:_EXPLAINED]


def as_text(message: BaseModel) -> str:
    """A message as JSON, as it travels in a text message."""
    fields: dict[str, Any] = message.model_dump(mode="json", by_alias=True, exclude_none=True)
    return json.dumps(fields, separators=(",", ":"), ensure_ascii=False)
