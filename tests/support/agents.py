"""Helpers for tests of the agent: settings for a model endpoint, and what that endpoint was asked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from livekit import api, rtc

from sightline.bus import Bus
from sightline.messages import Caption, EncodedImage
from sightline_agent.settings import AgentSettings
from sightline_agent.turn import TextSession
from support.livekit_publisher import LiveKit, participant_token
from support.model_servers import OpenAIServer
from support.recorded import Recorded
from support.sights import caption, frame

TRANSCRIPTION = "lk.transcription"


def talking_to(model: OpenAIServer, **settings: Any) -> AgentSettings:
    """Settings with this model; looks at nothing by itself, for there are no sources."""
    chosen: dict[str, Any] = {
        "llm_base_url": model.url,
        "llm_model": "test-model",
        "look_seconds": 0,
        # A busy machine may take its time: what was shown is still of what is in view.
        "max_caption_age": 600,
    }
    return AgentSettings(**(chosen | settings))


def completions(model: OpenAIServer) -> list[Recorded]:
    """The requests for an answer; the list of models is asked for as well, to warm the connection."""
    return [request for request in model.requests if request.path.endswith("/chat/completions")]


def users_words(request: Recorded) -> list[str]:
    """The texts of the user's messages, oldest first."""
    return [text for message in request.messages if message["role"] == "user" for text in _texts(message)]


def _texts(message: dict[str, Any]) -> list[str]:
    content = message["content"]
    if isinstance(content, str):
        return [content]
    return ["\n".join(part["text"] for part in content if part["type"] == "text")]


async def seen(session: TextSession, bus: Bus, *messages: Caption | EncodedImage) -> None:
    """Publish, and wait until the session's agent knows of it all."""
    eyes = session.agent.eyes
    assert eyes is not None
    for message in messages:
        await bus.publish(message)

    def known() -> bool:
        context, now = eyes.context, eyes.now()
        have = {(each.message.id) for each in context.describe(now)}
        have |= {each.message.id for each in context.past(now, 1e9)}
        for message in messages:
            if isinstance(message, EncodedImage):
                have |= {each.message.id for each in context.images(now, message.profile)}
        return {message.id for message in messages} <= have

    assert await eyes.until(known, timeout=10), f"not seen: {eyes.problem}"


def now_shows(bus: Bus, text: str, sequence: int = 1) -> Caption:
    """A caption of this moment."""
    return caption(frame(sequence, bus.now()), text)


@asynccontextmanager
async def in_room(livekit: LiveKit, name: str) -> AsyncIterator[rtc.Room]:
    """A room joined as an agent."""
    room = rtc.Room()
    grants = api.VideoGrants(room_join=True, room=name, agent=True)
    await room.connect(livekit.url, participant_token(livekit, grants, "agent", kind="agent"))
    try:
        yield room
    finally:
        await room.disconnect()


async def agent_listens(room: rtc.Room) -> None:
    """Wait until the agent is in the room and takes text."""
    changed = asyncio.Event()
    for event in ("participant_connected", "participant_attributes_changed"):
        room.on(event, lambda *_: changed.set())
    while not any(
        "listening" in other.attributes.get("lk.agent.state", "")
        for other in room.remote_participants.values()
    ):
        changed.clear()
        await changed.wait()


class Reader:
    """What agents write to a participant."""

    def __init__(self, room: rtc.Room) -> None:
        self.said: asyncio.Queue[str] = asyncio.Queue()
        self._tasks: set[asyncio.Task[None]] = set()
        room.register_text_stream_handler(TRANSCRIPTION, self._on_stream)

    def _on_stream(self, reader: rtc.TextStreamReader, identity: str) -> None:
        task = asyncio.create_task(self._take(reader))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _take(self, reader: rtc.TextStreamReader) -> None:
        self.said.put_nowait(await reader.read_all())
