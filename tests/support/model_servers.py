"""Model endpoints for tests: real HTTP servers that speak Moondream's and OpenAI's protocols.

They record each request in full, answer from the picture they were sent, and have faults that can
be switched on. Both listen on a free port of 127.0.0.1::

    async with MoondreamServer(answer="a desk") as server:
        ...                                   # point the client at server.url
        [request] = await server.requested(1)
        request.image, request.body["length"]
        server.fault = Fault.HANG             # or Status(429, {"Retry-After": "2"}), Body(b"…")
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from aiohttp import web
from numpy.typing import NDArray

from support.http_server import Body as Body, Events, Fault as Fault, ModelServer, Routes, Status as Status
from support.recorded import Recorded as Recorded

Pixels = NDArray[np.uint8]


def describe(pixels: Pixels) -> str:
    """The default caption: what the picture's mean colour is."""
    red, green, blue = (int(value) for value in pixels.reshape(-1, 3).mean(axis=0))
    names = {(1, 0, 0): "red", (0, 1, 0): "green", (0, 0, 1): "blue", (1, 1, 1): "white", (0, 0, 0): "black"}
    name = names.get((red > 127, green > 127, blue > 127), f"({red}, {green}, {blue})")
    return f"a {name} picture of {pixels.shape[1]} by {pixels.shape[0]} pixels"


class MoondreamServer(ModelServer):
    """Moondream's REST protocol: ``/v1/caption`` and ``/v1/query``, as the cloud and Station speak it.

    Args:
        answer: The caption, or a function that derives it from the picture (height × width × 3,
            uint8, RGB).
        reply: The answer to a question, or a function of the picture and the question; without one,
            ``answer`` followed by the question in parentheses.
        api_key: The only key that is taken; "" takes any, and none.
        latency: Seconds before each answer.
    """

    def __init__(
        self,
        answer: str | Callable[[Pixels], str] = describe,
        reply: str | Callable[[Pixels, str], str] | None = None,
        api_key: str = "",
        latency: float = 0.0,
    ) -> None:
        super().__init__(api_key, latency)
        self.answer = answer
        self.reply = reply

    def _routes(self) -> Routes:
        return {("POST", "/v1/caption"): self._caption, ("POST", "/v1/query"): self._query}

    def _authorized(self, request: web.Request) -> bool:
        return request.headers.get("X-Moondream-Auth") == self.api_key

    def _caption(self, request: Recorded) -> web.StreamResponse:
        return web.json_response({"request_id": "r1", "metrics": {}, "caption": self._say(request.pixels)})

    def _query(self, request: Recorded) -> web.StreamResponse:
        question = str(request["question"])
        if callable(self.reply):
            text = self.reply(request.pixels, question)
        else:
            text = self.reply or f"{self._say(request.pixels)} ({question})"
        return web.json_response({"request_id": "r1", "metrics": {}, "answer": text})

    def _say(self, pixels: Pixels) -> str:
        return self.answer(pixels) if callable(self.answer) else self.answer

    def _shaped(self, text: str) -> dict[str, Any]:
        return {"caption": text, "answer": text}


class OpenAIServer(ModelServer):
    """OpenAI's chat completions, whole and streamed, and the list of models.

    Args:
        answer: What the model says, or a function of the request.
        api_key: The only key that is taken; "" takes any, and none.
        latency: Seconds before each answer.
        models: The ids that ``/v1/models`` lists. Completions take any.

    Attributes:
        goes_on: Its streamed answers do not end: there may be more to come.
    """

    def __init__(
        self,
        answer: str | Callable[[Recorded], str] = "I see.",
        api_key: str = "",
        latency: float = 0.0,
        models: Sequence[str] = ("test-model",),
    ) -> None:
        super().__init__(api_key, latency)
        self.answer = answer
        self.models = models
        self.goes_on = False

    def _routes(self) -> Routes:
        return {("POST", "/v1/chat/completions"): self._complete, ("GET", "/v1/models"): self._list}

    def _authorized(self, request: web.Request) -> bool:
        return request.headers.get("Authorization") == f"Bearer {self.api_key}"

    def _complete(self, request: Recorded) -> web.StreamResponse:
        text = self.answer(request) if callable(self.answer) else self.answer
        if not request.body.get("stream"):
            return web.json_response(self._shaped(text) | {"model": request["model"]})
        usage = (request.body.get("stream_options") or {}).get("include_usage", False)
        chunks = _chunks(text, request["model"], usage)
        return Events(chunks[:-2] if self.goes_on else chunks, unending=self.goes_on)

    def _list(self, request: Recorded) -> web.StreamResponse:
        data = [{"id": name, "object": "model", "created": 0, "owned_by": "tests"} for name in self.models]
        return web.json_response({"object": "list", "data": data})

    def _shaped(self, text: str) -> dict[str, Any]:
        message = {"role": "assistant", "content": text, "refusal": None}
        return {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": int(time.time()),
            "model": "test-model",
            "choices": [{"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}],
            "usage": _USAGE,
        }


_USAGE = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}


def _chunks(text: str, model: str, usage: bool) -> list[dict[str, Any]]:
    base: dict[str, Any] = {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": int(time.time()),
        "model": model,
    }
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
    deltas += [{"content": word} for word in text.replace(" ", " \0").split("\0")]
    choices: list[dict[str, Any]] = [{"index": 0, "delta": delta, "finish_reason": None} for delta in deltas]
    choices.append({"index": 0, "delta": {}, "finish_reason": "stop"})
    events: list[dict[str, Any]] = [base | {"choices": [choice]} for choice in choices]
    return [*events, base | {"choices": [], "usage": _USAGE}] if usage else events
