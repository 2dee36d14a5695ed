"""VisionAgent: a LiveKit agent that knows what is in view as it answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from typing import Any

from livekit import rtc
from livekit.agents import Agent, FlushSentinel, ModelSettings, UserStateChangedEvent, get_job_context
from livekit.agents.llm import ChatChunk, ChatContext, Tool
from livekit.agents.utils import is_given

from sightline.bus import Bus
from sightline.config import load
from sightline.log import get_logger
from sightline.messages import TurnRecord
from sightline_agent.eyes import Eyes
from sightline_agent.look import (
    Look,
    compose,
    continues_with_tools,
    is_new,
    last_user_message,
    look,
    remember,
)
from sightline_agent.records import TurnClock
from sightline_agent.settings import AgentSettings

log = get_logger()

Chunk = ChatChunk | str | FlushSentinel


class VisionAgent(Agent):
    """An agent whose every turn, spoken or typed, carries what the room's cameras and screens show::

        class MyAgent(VisionAgent): ...

        await session.start(MyAgent(instructions="…"), room=ctx.room)

    It opens its eyes in ``on_enter`` and closes them in ``on_exit``: a subclass that overrides
    these calls them on ``super()``. Enriching is a lookup in memory; when the bus is away, the turn
    goes on without. Realtime (speech-to-speech) models have no ``llm_node`` and are not enriched.

    Args:
        instructions: The system prompt.
        vision: How it sees; read from ``AGENT_*`` by default.
        bus: A started bus that the caller closes; by default one of its own, from ``NATS_*``.
        room: The room to see; by default the one that the session is in.
        on_turn: Called with the record of each turn, which is also published.
        agent: Further arguments of ``livekit.agents.Agent``.
    """

    def __init__(
        self,
        *,
        instructions: str,
        vision: AgentSettings | None = None,
        bus: Bus | None = None,
        room: str = "",
        on_turn: Callable[[TurnRecord], None] | None = None,
        **agent: Any,
    ) -> None:
        super().__init__(instructions=instructions, **agent)
        self.vision = vision or load(AgentSettings)
        self._bus = bus
        self._room_name = room
        self._on_turn = on_turn
        self._eyes: Eyes | None = None
        self._looked: tuple[str, Look] | None = None

    @property
    def eyes(self) -> Eyes | None:
        """What it sees with; None before it entered a room, or when its mode is `off`."""
        return self._eyes

    async def on_enter(self) -> None:
        """Begin to see. Returns at once, whatever the bus does."""
        self._open_eyes()

    async def on_exit(self) -> None:
        """See no more."""
        eyes, self._eyes = self._eyes, None
        if eyes is not None:
            self.session.off("user_state_changed", self._on_user_state)
            self.session.off("close", self._on_session_close)
            await eyes.close()

    async def llm_node(
        self, chat_ctx: ChatContext, tools: list[Tool], model_settings: ModelSettings
    ) -> AsyncGenerator[Chunk, None]:
        """Ask the model, showing it what is in view. Called once a turn, and after each tool."""
        sent, record = self._see(chat_ctx)
        clock, error = TurnClock(record), "cancelled"
        try:
            async for chunk in Agent.default.llm_node(self, sent, tools, model_settings):
                clock.take(chunk)
                yield chunk
            error = ""
        except Exception as problem:
            error = f"{type(problem).__name__}: {problem}"
            raise
        finally:
            self._tell(clock, sent, error)

    def _see(self, chat_ctx: ChatContext) -> tuple[ChatContext, TurnRecord]:
        """The conversation as the model is sent it, and the beginning of the turn's record."""
        eyes = self._open_eyes()
        message = last_user_message(chat_ctx)
        sight: Look | None = None
        if eyes is not None and message is not None:
            if is_new(message):
                sight = look(eyes.context, eyes.now(), self.vision, self._speaker())
                remember(message, sight)
                self._looked = (message.id, sight)
            elif self._looked and self._looked[0] == message.id and continues_with_tools(chat_ctx):
                sight = self._looked[1]
        record = TurnRecord(
            room=eyes.room if eyes else self._room_name,
            question=(message.raw_text_content or "") if message else "",
            mode=self.vision.mode,
            shown=sight.shown if sight else (),
            blind=self._blind(),
            model=self._model_name(),
        )
        return compose(chat_ctx, message, sight), record

    def _tell(self, clock: TurnClock, sent: ChatContext, error: str) -> None:
        try:
            record = clock.finish(sent, error)
            if self._eyes is not None:
                self._eyes.tell(record)
            if self._on_turn is not None:
                self._on_turn(record)
        except Exception:
            # The answer is given; a record of it is not worth failing for.
            log.exception("turn_not_recorded")

    def _blind(self) -> str:
        """Why it does not see; empty when it does, or is not meant to."""
        if self.vision.mode == "off":
            return ""
        return self._eyes.problem if self._eyes else "the agent is in no room yet"

    def _open_eyes(self) -> Eyes | None:
        """Its eyes; None while the name of the room is not known, which it is once connected."""
        if (
            self._eyes is None
            and self.vision.mode != "off"
            and (room := self._room_name or self._find_room())
        ):
            self._room_name = room
            self._eyes = Eyes(room, self.vision, self._bus)
            self._eyes.start()
            self.session.on("user_state_changed", self._on_user_state)
            self.session.on("close", self._on_session_close)
        return self._eyes

    def _find_room(self) -> str:
        job = get_job_context(required=False)
        if job is not None and job.job.room.name:
            return job.job.room.name
        room = self._room()
        if room is None:
            return ""
        if not room.isconnected():
            room.once("connection_state_changed", lambda _: self._open_eyes())
        return room.name

    def _speaker(self) -> str:
        """The identity of whoever the agent talks with; empty without a room."""
        try:
            participant = self.session.room_io.linked_participant
        except RuntimeError:
            return ""
        return participant.identity if participant is not None else ""

    def _room(self) -> rtc.Room | None:
        try:
            return self.session.room_io.room
        except RuntimeError:
            return None

    def _model_name(self) -> str:
        model = self.llm if is_given(self.llm) else self.session.llm
        return model.model if model is not None else ""

    def _on_user_state(self, event: UserStateChangedEvent) -> None:
        """As soon as the user speaks: look now, so that the caption is there when the turn ends."""
        eyes, speaker = self._open_eyes(), self._speaker()
        if eyes is None or not speaker:
            return
        speaking = event.new_state == "speaking"
        eyes.say(speaker, speaking)
        if speaking and self.vision.capture_on_speech:
            eyes.look([speaker], "the user began to speak")

    def _on_session_close(self, _: object) -> None:
        # Only where on_exit was overridden without super() there is still something to close.
        eyes, self._eyes = self._eyes, None
        if eyes is not None:
            closing = asyncio.create_task(eyes.close())
            _CLOSING.add(closing)
            closing.add_done_callback(_CLOSING.discard)


_CLOSING: set[asyncio.Task[None]] = set()
"""Tasks need a reference from somewhere until they are done."""
