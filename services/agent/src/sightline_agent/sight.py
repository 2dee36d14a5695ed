"""What the turns of one session are shown, whoever's class the agent is: ``VisionAgent`` or anybody's.

Opened with the session, it keeps eyes on the session's room, shows each turn what is in view, and
records what the turn was.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from typing import Any

from livekit import rtc
from livekit.agents import Agent, AgentSession, FlushSentinel, get_job_context
from livekit.agents.llm import ChatChunk, ChatContext
from livekit.agents.utils import is_given

from sightline import tracing
from sightline.bus import Bus
from sightline.log import get_logger
from sightline.messages import Shown, TurnRecord
from sightline_agent import acting, metrics, showing
from sightline_agent.attention import NO_WAIT, Attention
from sightline_agent.console import room_to_see
from sightline_agent.conversation import Conversation, Turn
from sightline_agent.eyes import Eyes
from sightline_agent.look import Look, look
from sightline_agent.realtime.captions import CaptionFeed, caption_feed
from sightline_agent.realtime.records import RealtimeRecords
from sightline_agent.records import TurnClock
from sightline_agent.settings import AgentSettings, Mode

log = get_logger()

Chunk = ChatChunk | str | FlushSentinel

FETCH_SECONDS = 0.25
"""For images on a single request, of an agent that is shown none otherwise."""


@dataclass(frozen=True, slots=True)
class Host:
    """What hosts an agent that is in no room of LiveKit's, and shows it a room of its own.

    Attributes:
        participant: The identity of whoever the agent talks with.
        header: Asked once a turn: a line above what the turn is shown; empty is none.
    """

    participant: str
    header: Callable[[], str] = str


class Sight:
    """Sees for one session, from ``open`` to ``close``.

    Args:
        settings: How it sees.
        bus: A started bus that the caller closes; by default one of its own, from ``NATS_*``.
        room: The room to see; by default the one that the session is in.
        on_turn: Called with the record of each turn, which is also published.
        host: Of an agent that is in no room of LiveKit's: nobody is asked to sample its room.
    """

    def __init__(
        self,
        settings: AgentSettings,
        bus: Bus | None = None,
        room: str | rtc.Room = "",
        on_turn: Callable[[TurnRecord], None] | None = None,
        host: Host | None = None,
    ) -> None:
        self.settings = settings
        self.eyes: Eyes | None = None
        self._bus = bus
        self._room_name = room if isinstance(room, str) else ""
        self._given_room = None if isinstance(room, str) else room
        self._on_turn = on_turn
        self._host = host
        self._session: AgentSession[Any] | None = None
        self._attention: Attention | None = None
        self._captions: CaptionFeed | None = None
        self._replies: RealtimeRecords | None = None
        self._conversation = Conversation(settings.max_images_in_history)

    def hosted(self, bus: Bus, room: str, host: Host) -> Sight:
        """The same, not yet open, for an agent that is in no room of LiveKit's."""
        return Sight(self.settings, bus, room, self._on_turn, host)

    def open(self, session: AgentSession[Any]) -> Eyes | None:
        """Begin to see. Returns at once, whatever the bus does; opening twice is once.

        Returns:
            Its eyes; None while the name of the room is not known, which it is once connected, and
            when its mode is `off`.
        """
        if self.eyes is not None or self.settings.mode == "off":
            return self.eyes
        self._session = session
        self._room_name = self._room_name or self._find_room()
        if self._room_name:
            self.eyes = Eyes(self._room_name, self.settings, self._bus, "" if self._host else "agent")
            self.eyes.start()
            # A host asks its own client for frames, before it lets a typed turn begin.
            self._attention = Attention(session, self.eyes, self.settings, self._speaker, not self._host)
            self._attention.open()
            session.on("close", self._on_session_close)
            if self.settings.mode == "realtime":
                self._captions = caption_feed(session, self, self.settings)
                self._replies = RealtimeRecords(session, self._begin_reply, self._told, self._record)
                self._replies.open()
        return self.eyes

    async def close(self) -> None:
        """See no more. Bounded; never raises."""
        eyes, self.eyes = self.eyes, None
        attention, self._attention = self._attention, None
        captions, self._captions = self._captions, None
        replies, self._replies = self._replies, None
        if replies is not None:
            replies.close()
        if attention is not None:
            attention.close()
        if captions is not None:
            await captions.close()
        if eyes is not None and self._session is not None:
            self._session.off("close", self._on_session_close)
            await eyes.close()

    async def see(
        self, chat_ctx: ChatContext, agent: Agent, choose: Callable[[str], Mode] | None = None
    ) -> tuple[ChatContext, TurnClock]:
        """The conversation as the model is sent it, and the clock of this turn.

        Waits at most ``caption_wait`` for the caption of the frame that was asked for as the user began to
        speak, or as the turn that they typed began.

        Args:
            chat_ctx: The conversation, which stays as it is.
            agent: Whose turn it is.
            choose: Chooses what the turn is shown by the user's words, which are empty where the agent
                begins by itself; that of the settings by default.
        """
        began = time.perf_counter()
        eyes, turn = self.open(agent.session), self._conversation.turn(chat_ctx, agent.chat_ctx)
        continues = turn.look is not None
        wait, waited = NO_WAIT
        if eyes is not None and not continues:
            turn.mode = showing.chosen() or (choose(turn.words) if choose else self.settings.mode)
            wait, waited = await self._attention.wait(turn) if self._attention else NO_WAIT
            self._conversation.keep(turn, await self._look(eyes, turn.mode))
        sent = self._conversation.compose(chat_ctx, turn)
        seen = turn.look or Look("", "")
        record = TurnRecord(
            room=eyes.room if eyes else self._room_name,
            question=turn.words,
            begun_by=turn.begun_by,
            continues=continues,
            mode=turn.mode or self.settings.mode,
            shown=seen.shown,
            left_out=seen.left_out,
            view_tokens=seen.tokens,
            wait=wait,
            waited=waited,
            added=time.perf_counter() - began,
            blind=self._blind(),
            model=_model_name(agent),
        )
        return sent, TurnClock(record, on_call=lambda call: self._called(agent.session, turn, call))

    async def _look(self, eyes: Eyes, mode: Mode) -> Look:
        if mode in ("images", "both"):
            await eyes.fetch_images(FETCH_SECONDS)
        seen = look(eyes.context, eyes.now(), self.settings, self._speaker(), mode)
        return replace(seen, header=self._host.header()) if self._host is not None else seen

    def _called(self, session: AgentSession[Any], turn: Turn, call_id: str) -> None:
        self._conversation.called(turn, call_id)
        acting.ground(session, call_id, acting.Ground(turn.words, turn.asked))

    @contextmanager
    def telling(self, clock: TurnClock, sent: ChatContext) -> Iterator[None]:
        """While the model answers; at the end, whatever it is, publishes what the turn was.

        Args:
            sent: The conversation as the model was sent it.
        """
        error = "cancelled"
        try:
            yield
            error = ""
        except Exception as problem:
            error = f"{type(problem).__name__}: {problem}"
            raise
        finally:
            self._tell(clock, sent, error)

    def _tell(self, clock: TurnClock, sent: ChatContext, error: str) -> None:
        try:
            self._record(clock.finish(sent, error))
        except Exception:
            # The answer is given; a record of it is not worth failing for.
            log.exception("turn_not_recorded")

    def _record(self, record: TurnRecord) -> None:
        metrics.count(record)
        if self.eyes is not None:
            with self._traced(record, self.eyes):
                self.eyes.tell(record)
        if self._on_turn is not None:
            self._on_turn(record)

    def _traced(self, record: TurnRecord, eyes: Eyes) -> AbstractContextManager[None]:
        """The span of a turn that is over, which links the frames that it was shown."""
        return tracing.span(
            "turn",
            kind="consumer",
            ago=record.added + record.seconds,
            links=eyes.traces.of(record.shown),
            about={"mode": record.mode, "begun_by": record.begun_by, "shown": len(record.shown)},
        )

    def _begin_reply(self) -> TurnRecord:
        agent = self._session.current_agent if self._session is not None else None
        model = _model_name(agent) if agent is not None else ""
        return TurnRecord(room=self._room_name, mode="realtime", blind=self._blind(), model=model)

    def _told(self) -> tuple[Shown, ...]:
        return self._captions.shown if self._captions is not None else ()

    def _blind(self) -> str:
        """Why it does not see; empty when it does, or is not meant to."""
        if self.settings.mode == "off":
            return ""
        return self.eyes.problem if self.eyes else "the agent is in no room yet"

    def _find_room(self) -> str:
        job = get_job_context(required=False)
        if job is not None and job.is_fake_job():
            return room_to_see()
        if job is not None and job.job.room.name:
            return job.job.room.name
        room, session = self._room(), self._session
        if room is None or session is None:
            return ""
        if not room.isconnected():
            room.once("connection_state_changed", lambda _: self.open(session))
        return room.name

    def _speaker(self) -> str:
        """The identity of whoever the agent talks with; empty without a room."""
        if self._host is not None:
            return self._host.participant
        if self._session is None:
            return ""
        try:
            participant = self._session.room_io.linked_participant
        except RuntimeError:
            return ""
        return participant.identity if participant is not None else ""

    def _room(self) -> rtc.Room | None:
        if self._given_room is not None or self._session is None:
            return self._given_room
        try:
            return self._session.room_io.room
        except RuntimeError:
            return None

    def _on_session_close(self, _: object) -> None:
        # Only where nobody closed it there is still something to close.
        eyes, self.eyes = self.eyes, None
        attention, self._attention = self._attention, None
        if attention is not None:
            attention.close()
        if eyes is not None:
            closing = asyncio.create_task(eyes.close())
            _CLOSING.add(closing)
            closing.add_done_callback(_CLOSING.discard)


_CLOSING: set[asyncio.Task[None]] = set()
"""Tasks need a reference from somewhere until they are done."""


def _model_name(agent: Agent) -> str:
    model = agent.llm if is_given(agent.llm) else agent.session.llm
    return model.model if model is not None else ""
