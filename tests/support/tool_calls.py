"""A model that calls tools before it answers, as OpenAI streams such calls: name first, arguments in pieces.

async with CallingServer(look={"question": "What colour is it?"}) as model:
    ...
    [output] = tool_outputs(model.requests[-1])
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from aiohttp import web

from support.http_server import Events
from support.model_servers import OpenAIServer
from support.recorded import Recorded

PIECE = 7
"""Characters of the arguments that one event carries."""


class CallingServer(OpenAIServer):
    """Calls tools in answer to each of the user's messages, then says ``answer``.

    Args:
        answer: As of OpenAIServer: what it says once it has the tools' outputs.
        calls: Tool -> arguments, all called at once; change them between turns. Arguments are an object,
            or text that goes out as it is.
    """

    def __init__(
        self,
        answer: str | Callable[[Recorded], str] = "So it is.",
        **calls: dict[str, Any] | str,
    ) -> None:
        super().__init__(answer)
        self.calls = calls

    def _complete(self, request: Recorded) -> web.StreamResponse:
        if not self.calls or request.messages[-1]["role"] == "tool":
            return super()._complete(request)
        return Events(list(_calls(self.calls, str(request["model"]), len(self.requests))))


def tool_outputs(request: Recorded) -> list[str]:
    """What the tools of this turn said, as the model was sent it."""
    messages = request.messages
    newest = max(number for number, message in enumerate(messages) if message["role"] == "user")
    return [str(message["content"]) for message in messages[newest:] if message["role"] == "tool"]


def offered_tools(request: Recorded) -> list[str]:
    """The names of the tools that the model may call."""
    return [tool["function"]["name"] for tool in request.body.get("tools", [])]


def _calls(calls: dict[str, dict[str, Any] | str], model: str, number: int) -> Sequence[dict[str, Any]]:
    base: dict[str, Any] = {
        "id": f"chatcmpl-{number}",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": model,
    }
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": None}]
    for index, (name, arguments) in enumerate(calls.items()):
        text = arguments if isinstance(arguments, str) else json.dumps(arguments)
        begin = {"index": index, "id": f"call_{number}_{index}", "type": "function"}
        deltas.append({"tool_calls": [begin | {"function": {"name": name, "arguments": ""}}]})
        pieces = (text[at : at + PIECE] for at in range(0, len(text), PIECE))
        deltas += [{"tool_calls": [{"index": index, "function": {"arguments": piece}}]} for piece in pieces]
    choices = [{"index": 0, "delta": delta, "finish_reason": None} for delta in deltas]
    choices.append({"index": 0, "delta": {}, "finish_reason": "tool_calls"})
    return [base | {"choices": [choice]} for choice in choices]
