"""A language model that begins a story and never ends it: something to interrupt."""

from __future__ import annotations

import asyncio
import json

from aiohttp import web

from support.http_server import Events
from support.model_servers import OpenAIServer
from support.recorded import Recorded

BEGINNING = ("Once ", "upon ", "a ", "time ")


class Storyteller(OpenAIServer):
    """Answers as an ``OpenAIServer``; but where the user asks for a story, it goes on until it is not heard.

    Attributes:
        unheard: Set when a client left in the middle of a story.
    """

    def __init__(self, answer: str = "I see.") -> None:
        super().__init__(answer)
        self.unheard = asyncio.Event()

    def _complete(self, request: Recorded) -> web.StreamResponse:
        said = [message for message in request.messages if message["role"] == "user"]
        if said and "story" in json.dumps(said[-1]):
            return _Story(self.unheard)
        return super()._complete(request)


class _Story(Events):
    def __init__(self, unheard: asyncio.Event) -> None:
        super().__init__([])
        self._unheard = unheard

    async def send(self, request: web.Request) -> None:
        await self.prepare(request)
        try:
            for word in BEGINNING:
                choice = {"index": 0, "delta": {"role": "assistant", "content": word}, "finish_reason": None}
                chunk = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 0, "model": "m"}
                await self.write(f"data: {json.dumps(chunk | {'choices': [choice]})}\n\n".encode())
            await asyncio.Event().wait()
        finally:
            self._unheard.set()
