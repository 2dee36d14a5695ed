"""One HTTP request to a model endpoint, recorded in full."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from aiohttp import web
from numpy.typing import NDArray

from sightline import imaging

Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class Recorded:
    """One request as it came.

    Attributes:
        headers: Names in lower case.
        body: The JSON body, or the fields of a form, files as bytes; also by index:
            ``request["length"]``.
        images: The pictures of the request, as they were encoded.
        peer: The address that it came from.
    """

    method: str
    path: str
    headers: dict[str, str]
    body: dict[str, Any]
    images: list[bytes]
    peer: str = ""

    def __getitem__(self, key: str) -> Any:
        return self.body[key]

    @property
    def image(self) -> bytes:
        """The only picture."""
        (image,) = self.images
        return image

    @cached_property
    def pixels(self) -> Pixels:
        """The only picture, decoded: height × width × 3, uint8, RGB."""
        return imaging.decode(self.image)

    @property
    def messages(self) -> list[dict[str, Any]]:
        """Of a chat completion."""
        return list(self.body["messages"])

    @property
    def text(self) -> str:
        """Every text of a chat completion, system message included, one a line."""
        parts = [part for message in self.messages for part in _parts(message)]
        return "\n".join(part["text"] for part in parts if part.get("type") == "text")


async def record(request: web.Request) -> Recorded:
    body = await _body(request)
    headers = {name.lower(): value for name, value in request.headers.items()}
    return Recorded(request.method, request.path, headers, body, _images(body), request.remote or "")


async def _body(request: web.Request) -> dict[str, Any]:
    if request.content_type == "multipart/form-data":
        form = await request.post()
        return {
            name: value.file.read() if isinstance(value, web.FileField) else value
            for name, value in form.items()
        }
    raw = await request.read()
    return json.loads(raw) if raw else {}


def _images(body: dict[str, Any]) -> list[bytes]:
    urls = [body["image_url"]] if "image_url" in body else []
    parts = [part for message in body.get("messages", []) for part in _parts(message)]
    urls += [part["image_url"]["url"] for part in parts if part.get("type") == "image_url"]
    return [base64.b64decode(url.partition(",")[2]) for url in urls if url.startswith("data:")]


def _parts(message: dict[str, Any]) -> list[dict[str, Any]]:
    content = message.get("content") or []
    return [{"type": "text", "text": content}] if isinstance(content, str) else content
