"""Sessions with a realtime model, on the real OpenAI plugin and a local server."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from livekit import rtc
from livekit.agents import Agent, AgentSession
from livekit.agents.voice.room_io import RoomOptions
from livekit.plugins.openai.realtime import RealtimeModel

from support.realtime_server import RealtimeServer

HEARS: dict[str, Any] = {"turn_handling": {"turn_detection": "realtime_llm"}}
"""The model itself hears when a turn ends."""


@asynccontextmanager
async def talking(
    server: RealtimeServer,
    agent: Agent,
    room: rtc.Room | None = None,
    options: RoomOptions | None = None,
    model: dict[str, Any] | None = None,
    **session: Any,
) -> AsyncIterator[AgentSession[None]]:
    """A session with this server's model; in text alone unless there is a room.

    Args:
        model: Further arguments of the model.
        session: Further arguments of the session.
    """
    text_only: dict[str, Any] = {"modalities": ["text"]} if room is None else {}
    realtime = RealtimeModel(base_url=server.url, api_key="none", **(text_only | (model or {})))
    talk: AgentSession[None] = AgentSession(llm=realtime, vad=None, **(HEARS | session))
    given: dict[str, Any] = {} if room is None else {"room": room, "room_options": options or RoomOptions()}
    try:
        await talk.start(agent, **given)
        yield talk
    finally:
        await talk.aclose()
        await realtime.aclose()
