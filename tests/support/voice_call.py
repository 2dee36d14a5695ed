"""A spoken call: an agent in a real session on the real LiveKit server, and what its user does there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from livekit.agents import Agent, AgentSession, ConversationItemAddedEvent
from livekit.agents.llm import ChatMessage
from livekit.agents.voice.room_io import RoomOptions

from sightline import subjects
from sightline.bus import Bus
from sightline.messages import (
    Caption,
    CaptureReply,
    CaptureRequest,
    EncodedImage,
    FrameInfo,
    Source,
    Track,
    Trigger,
)
from sightline_agent import VisionAgent
from sightline_agent.models import close_models
from sightline_agent.settings import AgentSettings
from sightline_agent.worker import build_session
from support.agents import in_room
from support.caller import Caller
from support.livekit_publisher import LiveKit
from support.sights import caption, frame, image
from support.voice_server import VoiceServer

CHAT = "lk.chat"

WHAT = "What do I hold?"
BEFORE = "And what was that before?"


def hearing(voice: VoiceServer, **settings: Any) -> AgentSettings:
    """Settings of an agent whose language model, hearing and voice are this server."""
    chosen = {"llm_base_url": voice.url, "llm_model": "test-model", "speech_base_url": voice.url}
    return AgentSettings(**(chosen | settings))


def handling(preemptive: bool) -> dict[str, Any]:
    """How an agent takes turns: whether it begins to answer before the turn is over."""
    return {"preemptive_generation": {"enabled": preemptive}}


class Camera:
    """Somebody's camera, as room-ingest and a captioner bring it onto the bus.

    Attributes:
        next: What it shows from the next capture request on.
        asked: The capture requests so far.
        on_capture: Called at each.
    """

    def __init__(self, bus: Bus, room: str, participant: str = "alice") -> None:
        self._bus = bus
        self.track = Track(room=room, participant=participant, id="TR_camera", source=Source.CAMERA)
        self.next = ""
        self.pixels = b""
        self.asked: list[CaptureRequest] = []
        self.on_capture: Callable[[], None] = lambda: None
        self._sequence = 0

    async def shows(self, text: str, trigger: Trigger = Trigger.TIMER) -> FrameInfo:
        """A frame of this moment is captioned, and encoded where there are pixels."""
        self._sequence += 1
        of = frame(self._sequence, self._bus.now(), self.track, trigger=trigger)
        seen: list[Caption | EncodedImage] = [caption(of, text)]
        if self.pixels:
            seen.append(image(of, data=self.pixels))
        for message in seen:
            await self._bus.publish(message)
        return of

    async def answer(self, request: CaptureRequest) -> CaptureReply:
        self.asked.append(request)
        self.on_capture()
        if not self.next:
            return CaptureReply()
        text, self.next = self.next, ""
        return CaptureReply(frames=(await self.shows(text, Trigger.USER_REQUEST),))


@asynccontextmanager
async def camera(bus: Bus, room: str, participant: str = "alice") -> AsyncIterator[Camera]:
    """A camera that takes capture requests."""
    opened = Camera(bus, room, participant)
    stop = await bus.serve(subjects.capture(room, participant), CaptureRequest, opened.answer)
    try:
        yield opened
    finally:
        await stop()


class Call:
    """A call in progress between ``alice`` and the agent."""

    def __init__(self, session: AgentSession[None], agent: Agent, alice: Caller, voice: VoiceServer) -> None:
        self.session, self.agent, self.alice, self.voice = session, agent, alice, voice
        self._said: asyncio.Queue[str] = asyncio.Queue()
        self._quiet = asyncio.Event()
        session.on("conversation_item_added", self._on_item)
        session.on("agent_state_changed", lambda event: self._on_state(event.new_state))
        self._on_state(session.agent_state)

    async def say(self, sentence: str) -> str:
        """A spoken turn; returns the answer once it was spoken, all of it."""
        await self._quiet.wait()
        self.alice.forget()
        await self.alice.say(sentence)
        return await self.answered()

    async def type(self, sentence: str) -> str:
        """A typed turn; otherwise as ``say``."""
        await self._quiet.wait()
        self.alice.forget()
        await self.alice.room.local_participant.send_text(sentence, topic=CHAT)
        return await self.answered()

    async def answered(self) -> str:
        """The agent's next answer."""
        return await self._said.get()

    async def sees(self, text: str) -> None:
        """Wait until the agent has a caption that says this."""
        assert isinstance(self.agent, VisionAgent)
        eyes = self.agent.eyes
        assert eyes is not None

        def there() -> bool:
            return any(text in seen.message.text for seen in eyes.context.describe(eyes.now()))

        assert await eyes.until(there, 20), f"not seen: {text}; {eyes.problem}"

    def _on_item(self, event: ConversationItemAddedEvent) -> None:
        if isinstance(event.item, ChatMessage) and event.item.role == "assistant":
            self._said.put_nowait(event.item.text_content or "")

    def _on_state(self, state: str) -> None:
        (self._quiet.set if state == "listening" else self._quiet.clear)()


@asynccontextmanager
async def call(
    livekit: LiveKit, room: str, agent: Agent, voice: VoiceServer, settings: AgentSettings
) -> AsyncIterator[Call]:
    """Join the room as ``alice`` and as the agent, until both can hear one another."""
    session = await build_session(settings)
    assert session.vad is not None
    # A busy machine leaves gaps in what is said; none of them ends a turn here.
    session.vad.update_options(min_silence_duration=0.6)
    async with Caller(livekit, room=room, identity="alice") as alice, in_room(livekit, room) as joined:
        options = RoomOptions(audio_input=True, audio_output=True, text_input=True)
        await session.start(agent, room=joined, room_options=options)
        try:
            await session.room_io.subscribed_fut
            yield Call(session, agent, alice, voice)
        finally:
            await session.aclose()
            await close_models(session)
