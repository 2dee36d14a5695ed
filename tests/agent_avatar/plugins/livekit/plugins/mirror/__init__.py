"""A LiveKit avatar plugin, as small as they come: it joins nothing, and records how it was started."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from livekit.agents import AgentSession
from livekit.agents.voice.avatar import QueueAudioOutput
from livekit.rtc import Room


@dataclass
class Look:
    hair: str
    age: int = 30


class AvatarSession:
    def __init__(self, *, avatar_id: str, look: Look | None = None, fails: str = "") -> None:
        if not avatar_id:
            raise ValueError("avatar_id must be given")
        self.avatar_id, self.look, self.fails = avatar_id, look, fails
        self.started: list[Any] = []
        self.closed = 0

    async def start(
        self, agent_session: AgentSession[Any], room: Room, *, livekit_url: str, livekit_api_key: str = ""
    ) -> None:
        self.started += [agent_session, room, livekit_url, livekit_api_key]
        agent_session.output.audio = QueueAudioOutput()
        if self.fails:
            raise ConnectionError(self.fails)

    async def aclose(self) -> None:
        self.closed += 1
