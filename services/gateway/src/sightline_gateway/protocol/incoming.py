"""A client's message, from the bytes that came."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass

from sightline.errors import DecodeError
from sightline_gateway.protocol import Audio, ClientMessage, VideoFrame, from_client
from sightline_gateway.protocol.binary import decode, unpack


@dataclass(frozen=True, slots=True)
class Incoming:
    """A message, and the bytes that it carries."""

    message: ClientMessage
    data: bytes = b""


def parse(payload: str | bytes) -> Incoming:
    """A text or binary message.

    Raises:
        NotJsonError: It is no JSON.
        DecodeError: It is no message of a client; says why.
    """
    if isinstance(payload, bytes):
        return Incoming(*unpack(payload))
    message = decode(from_client, payload)
    if isinstance(message, VideoFrame):
        image = message.image
        data = _plain(image.data, "video_frame.image.data")
        # Once is enough: a picture in base64 is megabytes.
        return Incoming(message.model_copy(update={"image": image.model_copy(update={"data": ""})}), data)
    if isinstance(message, Audio):
        data = _plain(message.data, "audio.data")
        return Incoming(message.model_copy(update={"data": ""}), data)
    return Incoming(message)


def _plain(text: str, place: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise DecodeError(f"{place}: expected base64: {error}") from None
