"""OpenAI's realtime protocol, spoken by a local WebSocket server, for tests.

It holds a conversation as the real one does, hears a loud sound as speech, answers with text or with a
tool call, and remembers all that it was sent::

    async with RealtimeServer(answer="I see.") as server:
        model = RealtimeModel(base_url=server.url, api_key="none")
        ...
        await server.until(lambda: len(server.images) == 3)
        server.responses[0].texts            # what the conversation held as the answer began
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from aiohttp import web
from numpy.typing import NDArray

from sightline import imaging
from support.realtime_connection import Call as Call, Connection, Item, texts_of


@dataclass(frozen=True)
class Response:
    """An answer that was given.

    Attributes:
        items: The conversation as it began.
        instructions: Of this answer alone; empty where it has none.
        asked: The client asked for it; otherwise the server heard that a turn was over.
    """

    items: list[Item]
    instructions: str
    asked: bool

    @property
    def texts(self) -> list[str]:
        """What the user's messages say, oldest first."""
        return [text for item in self.items if item.get("role") == "user" for text in texts_of(item)]


class RealtimeServer:
    """One endpoint; each connection is a conversation of its own, remembered together.

    Args:
        answer: What is answered: a text, a call, or a function of the conversation that gives either.

    Attributes:
        events: Every event that came, audio left out, the oldest first.
        images: Every image that came, decoded, the oldest first.
        responses: Every answer, the oldest first.
        pieces: How many pieces of audio came.
        items: What the newest conversation holds.
        silent: Takes items and does not confirm them.
    """

    def __init__(self, answer: str | Call | Callable[[list[Item]], str | Call] = "I see.") -> None:
        self.answer = answer
        self.events: list[dict[str, Any]] = []
        self.images: list[NDArray[np.uint8]] = []
        self.responses: list[Response] = []
        self.pieces = 0
        self.silent = False
        self.connections: list[Connection] = []
        self._changed = asyncio.Condition()
        self._port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}/v1"

    @property
    def items(self) -> list[Item]:
        return self.connections[-1].items if self.connections else []

    @property
    def created(self) -> list[Item]:
        """Every item that came, the oldest first."""
        return [event["item"] for event in self.events if event["type"] == "conversation.item.create"]

    @property
    def texts(self) -> list[str]:
        """The texts of all of the user's items that came, the oldest first."""
        return [text for item in self.created if item.get("role") == "user" for text in texts_of(item)]

    def count(self, kind: str) -> int:
        """How many events of this type came."""
        return sum(event["type"] == kind for event in self.events)

    async def until(self, condition: Callable[[], bool], timeout: float = 30.0) -> None:
        """Wait until what came fulfils a condition."""
        async with asyncio.timeout(timeout), self._changed:
            await self._changed.wait_for(condition)

    def take(self, event: dict[str, Any]) -> None:
        self.events.append(event)
        if event["type"] == "conversation.item.create":
            self.images += [
                imaging.decode(base64.b64decode(part["image_url"].partition(",")[2]))
                for part in event["item"].get("content", ())
                if part["type"] == "input_image"
            ]

    def hear(self) -> None:
        self.pieces += 1

    def respond(self, items: list[Item], instructions: str, asked: bool) -> str | Call:
        self.responses.append(Response(items, instructions, asked))
        return self.answer(items) if callable(self.answer) else self.answer

    async def tell(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_get("/v1/realtime", self._converse)
        self._runner = web.AppRunner(app, shutdown_timeout=1.0)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self._port = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *_: object) -> None:
        for connection in self.connections:
            await connection.close()
        await self._runner.cleanup()

    async def _converse(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(max_msg_size=0)
        await socket.prepare(request)
        connection = Connection(self, socket)
        self.connections.append(connection)
        await connection.run()
        return socket
