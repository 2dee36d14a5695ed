"""Rooms that are lived in for long: a camera whose scene changes, and questions now and then."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import sys
from dataclasses import dataclass

import aiohttp
import psutil
from livekit import rtc

from sightline.embedded import HOST
from support.agents import Reader
from support.frames import jpeg
from support.gateway_clients import Client
from support.livekit_publisher import LiveKit, Publisher
from support.model_servers import MoondreamServer, OpenAIServer
from support.recorded import Recorded
from support.rolling import COLOURS, describe
from support.scenes import scene


class Forgetful(MoondreamServer):
    """Describes pictures and keeps none of the requests, of which there are many."""

    def __init__(self, latency: float = 0.0) -> None:
        super().__init__(answer=describe, latency=latency)
        self.described = 0

    def _caption(self, request: Recorded) -> object:  # type: ignore[override]
        self.described += 1
        self.requests.clear()
        return super()._caption(request)


class Talker(OpenAIServer):
    """Answers, and keeps none of the requests."""

    def __init__(self, latency: float = 0.0) -> None:
        super().__init__(answer=self._say, latency=latency)

    def _say(self, _request: Recorded) -> str:
        self.requests.clear()
        return "I see a wall."


REPLY_SECONDS = 60.0
"""After so long nobody waits for the reply any more, and asks again."""


@dataclass
class Lived:
    """What happened in all rooms so far."""

    asked: int = 0
    answered: int = 0
    lost: int = 0


async def live(livekit: LiveKit, room: str, change: float, pause: float, lived: Lived) -> None:
    """Be in a room until cancelled.

    Args:
        change: Seconds between two scenes.
        pause: Seconds between two questions.
    """
    async with contextlib.AsyncExitStack() as stack:
        guest = await _come(livekit, room, stack)
        await guest.camera(size=(160, 90), fps=2)
        async with asyncio.TaskGroup() as group:
            group.create_task(_show(guest, change))
            group.create_task(_ask(guest, pause, lived))


async def _come(livekit: LiveKit, room: str, stack: contextlib.AsyncExitStack) -> Publisher:
    """Join, however often it takes on a machine that is busy."""
    while True:
        try:
            return await stack.enter_async_context(Publisher(livekit, room, f"{room}'s guest"))
        except rtc.ConnectError as error:
            sys.stderr.write(f"{room}: {error.message}, once more\n")


async def _show(guest: Publisher, change: float) -> None:
    for colour in itertools.cycle(COLOURS.values()):
        guest.show(scene(colour, size=(160, 90)))
        await asyncio.sleep(change)


async def _ask(guest: Publisher, pause: float, lived: Lived) -> None:
    reader = Reader(guest.room)
    while True:
        await asyncio.sleep(pause)
        await guest.room.local_participant.send_text("What do you see?", topic="lk.chat")
        lived.asked += 1
        try:
            async with asyncio.timeout(REPLY_SECONDS):
                await reader.said.get()
        except TimeoutError:
            lived.lost += 1
        else:
            lived.answered += 1


async def visit(port: int, number: int, change: float, pause: float, lived: Lived) -> None:
    """Be a client of the gateway until cancelled; as ``live``."""
    async with (
        aiohttp.ClientSession() as http,
        http.ws_connect(f"http://{HOST}:{port}/ws?sessionId=soak-{number}") as socket,
        asyncio.TaskGroup() as group,
    ):
        group.create_task(_send(Client(socket), change))
        group.create_task(_chat(socket, pause, lived))


async def _send(client: Client, change: float) -> None:
    pictures = [jpeg(scene(colour, size=(320, 180))) for colour in COLOURS.values()]
    for sequence in itertools.count(1):
        await client.frame(sequence, pictures[sequence % len(pictures)])
        await asyncio.sleep(change)


async def _chat(socket: aiohttp.ClientWebSocketResponse, pause: float, lived: Lived) -> None:
    """Ask, and read all there is: a client that does not read is sent away."""
    loop = asyncio.get_running_loop()
    due, waiting = loop.time() + pause, False
    while True:
        if waiting and loop.time() >= due - pause + REPLY_SECONDS:
            lived.lost += 1
            waiting = False
        if loop.time() >= due and not waiting:
            await socket.send_json({"type": "transcript", "text": "What do you see?"})
            lived.asked += 1
            due, waiting = loop.time() + pause, True
        try:
            message = await socket.receive(timeout=1)
        except TimeoutError:
            continue
        assert message.type in (aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY), message
        if message.type is aiohttp.WSMsgType.TEXT and json.loads(message.data)["type"] == "response_complete":
            lived.answered += 1
            waiting = False


def memory(process: psutil.Process) -> int:
    """Resident bytes of a process and its children."""
    total = 0
    for each in (process, *process.children(recursive=True)):
        try:
            total += each.memory_info().rss
        except psutil.NoSuchProcess:
            continue
    return total
