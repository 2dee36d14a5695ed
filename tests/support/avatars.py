"""A session that an avatar speaks for, and how to read its face."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from livekit import api, rtc
from livekit.agents import Agent, AgentSession
from livekit.agents.voice.room_io import RoomOptions
from pydantic import SecretStr

from sightline.config import LiveKitSettings
from sightline_agent.avatar import AvatarSettings, start_avatar
from sightline_agent.models import language_model, text_to_speech
from sightline_agent.settings import AgentSettings
from support.livekit_publisher import LiveKit, participant_token
from support.scenes import Picture
from support.voice_server import VoiceServer

AGENT = "the agent"

ON_BEHALF = "lk.publish_on_behalf"


@dataclass(frozen=True, slots=True)
class Talk:
    """A session whose avatar is in the room of the agent."""

    session: AgentSession[None]
    avatar: Any
    room: rtc.Room


def settings_of(livekit: LiveKit) -> LiveKitSettings:
    """The LiveKit server, as settings."""
    secret = SecretStr(livekit.api_secret)
    return LiveKitSettings(url=livekit.url, api_key=livekit.api_key, api_secret=secret)


@asynccontextmanager
async def joined(livekit: LiveKit, name: str) -> AsyncIterator[rtc.Room]:
    """A room joined as an agent."""
    room = rtc.Room()
    grants = api.VideoGrants(room_join=True, room=name, agent=True)
    await room.connect(livekit.url, participant_token(livekit, grants, AGENT, kind="agent"))
    try:
        yield room
    finally:
        await room.disconnect()


@asynccontextmanager
async def spoken_session(voice: VoiceServer) -> AsyncIterator[AgentSession[None]]:
    """A session that speaks, and is written to; not yet started."""
    settings = AgentSettings(
        llm_base_url=voice.url, llm_model="test-model", speech_base_url=voice.url, look_seconds=0
    )
    llm = await asyncio.to_thread(language_model, settings)
    tts = await asyncio.to_thread(text_to_speech, settings)
    session: AgentSession[None] = AgentSession(
        llm=llm,
        tts=tts,
        vad=None,
        turn_handling={"turn_detection": None, "interruption": {"resume_false_interruption": False}},
    )
    try:
        yield session
    finally:
        await session.aclose()
        await tts.aclose()
        await llm.aclose()


@asynccontextmanager
async def talk(
    livekit: LiveKit, room: str, voice: VoiceServer, settings: AvatarSettings
) -> AsyncIterator[Talk]:
    """A conversation with an avatar, as a developer begins one."""
    async with joined(livekit, room) as own, spoken_session(voice) as session:
        avatar = await start_avatar(session, own, settings, settings_of(livekit))
        options = RoomOptions(audio_input=False, audio_output=False)
        await session.start(Agent(instructions=""), room=own, room_options=options)
        yield Talk(session, avatar, own)


def openness(picture: Picture) -> float:
    """How far the mouth of the local avatar's face is open: the part of where it may be that is dark red."""
    height, width, _ = picture.shape
    mouth = picture[int(0.57 * height) : int(0.83 * height), int(0.34 * width) : int(0.66 * width)]
    red, green, blue = (mouth[..., each].astype(int) for each in range(3))
    inside = (green < 140) & (blue < 140) & (red - green > 30)
    return float(np.mean(inside))


def eyes_white(picture: Picture) -> float:
    """How much of where the eyes are is white."""
    height, width, _ = picture.shape
    eyes = picture[int(0.34 * height) : int(0.5 * height), int(0.26 * width) : int(0.74 * width)]
    return float(np.mean((eyes > 225).all(axis=2)))
