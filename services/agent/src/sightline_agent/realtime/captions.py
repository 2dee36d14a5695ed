"""What is in view, as text in a realtime model's conversation: for models that take no images."""

from __future__ import annotations

import asyncio
import contextlib
import re
import time
from collections.abc import Callable, Iterable
from typing import Any

from livekit.agents import Agent, AgentSession
from livekit.agents.llm import ChatMessage, RealtimeError

from sightline.changes import Changes
from sightline.config import load
from sightline.log import get_logger
from sightline.messages import Shown
from sightline_agent.conversation import EXTRA
from sightline_agent.eyes import Eyes
from sightline_agent.look import Look, look
from sightline_agent.realtime.pace import Pace
from sightline_agent.realtime.session import (
    CurrentAgent,
    Sees,
    Speaks,
    UserSpeaks,
    change,
    linked_participant,
    realtime_model,
)
from sightline_agent.realtime.settings import RealtimeSettings
from sightline_agent.settings import AgentSettings

log = get_logger()

View = frozenset[tuple[str, ...]]
"""What a view says, without how it says it."""

NOT_THE_USERS = {EXTRA: {"view": ""}}
"""Marks a message as none that a turn is to be shown with, should another kind of model go on with it."""

_WORDS = re.compile(r"\w+")
_SMALL = frozenset(re.findall(r"\w+", "a an the is are was and of in on at to with there it its this that"))


class CaptionFeed:
    """Tells a realtime model what is in view, each time that it is something else::

        feed = CaptionFeed(session)
        feed.start()

    Each view is one message, quoted and attributed as a turn's is, and asks for no reply. It comes when
    the words of the captions change, not more often than images would. With ``AGENT_MODE=realtime`` a
    VisionAgent does all this by itself. It ends with its session.

    Args:
        session: The session, started or not.
        sees: What has the eyes: by default whichever VisionAgent runs; or what ``attach_vision`` returned.
        settings: How often; read from ``AGENT_REALTIME_*`` by default.
        vision: How a view reads; read from ``AGENT_*`` by default.
        speaks: Tells whether the user speaks; as the session, or LiveKit's server, hears it by default.
        clock: Seconds, from any beginning.
    """

    def __init__(
        self,
        session: AgentSession[Any],
        sees: Sees | None = None,
        settings: RealtimeSettings | None = None,
        vision: AgentSettings | None = None,
        speaks: Speaks | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._session = session
        self._sees = sees or CurrentAgent(session)
        self._settings = settings or load(RealtimeSettings)
        self._vision = vision or load(AgentSettings)
        self._speaks = speaks or UserSpeaks()
        self._pace = Pace(self._settings, clock)
        self._heard = Changes()
        self._agent: Agent | None = None
        self._told: View = frozenset()
        self._shown: tuple[tuple[Shown, ...], float] = ((), 0.0)
        self._views: list[str] = []
        self._running: asyncio.Task[None] | None = None

    @property
    def shown(self) -> tuple[Shown, ...]:
        """What was told last, with ages of now."""
        shown, told_at = self._shown
        older = time.monotonic() - told_at
        return tuple(each.model_copy(update={"age": round(each.age + older, 3)}) for each in shown)

    def start(self) -> None:
        """Begin, in the background; starting twice is once."""
        if self._running is None:
            self._session.on("user_state_changed", self._on_user_state)
            self._session.on("close", self._on_close)
            self._running = asyncio.create_task(self._run(), name="sightline-captions")

    async def close(self) -> None:
        """Tell no more. What was told stays in the conversation."""
        if running := self._stop():
            await asyncio.gather(running, return_exceptions=True)

    def _stop(self) -> asyncio.Task[None] | None:
        running, self._running = self._running, None
        if running is not None:
            self._session.off("user_state_changed", self._on_user_state)
            self._session.off("close", self._on_close)
            running.cancel()
        return running

    async def _run(self) -> None:
        while True:
            eyes = self._sees.eyes
            version = eyes.changes.version if eyes else 0
            try:
                await self._tell(eyes)
            except (RealtimeError, RuntimeError) as error:
                log.info("view_not_told", reason=str(error))
            except Exception:
                # The conversation goes on; whatever it is may be over at the next view.
                log.exception("view_not_told")
            with contextlib.suppress(TimeoutError):
                # Time alone changes a view, too: what is old is not in view any more.
                async with asyncio.timeout(self._settings.idle_interval):
                    await (eyes.changes.after(version) if eyes else asyncio.Event().wait())
            await self._due()

    async def _due(self) -> None:
        """Wait until the next view may be told; shorter as soon as the user speaks."""
        while (wait := self._pace.wait(self._speaks(self._session))) > 0:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await self._heard.after(self._heard.version)

    async def _tell(self, eyes: Eyes | None) -> None:
        """Add the view of now to the conversation, if it says something else than the last."""
        model = realtime_model(self._session)
        if model is None or eyes is None or not model.capabilities.mutable_chat_context:
            return
        agent = self._session.current_agent
        if agent is not self._agent:
            # LiveKit gives a model that goes on with another agent that agent's conversation.
            self._agent, self._told, self._views = agent, frozenset(), []
        sight = self._look(eyes)
        view = what_it_says(sight.shown)
        if view == self._told or not sight.text:
            return
        message = ChatMessage(role="user", content=[sight.text], extra={**NOT_THE_USERS})
        gone = self._too_many()
        self._pace.mark()
        await change(self._session, add=message, remove=gone)
        self._told, self._shown = view, (sight.shown, time.monotonic())
        self._views = [*self._views[len(gone) :], message.id]

    def _look(self, eyes: Eyes) -> Look:
        speaker = linked_participant(self._session)
        name = speaker.identity if speaker else ""
        # Captions, whatever turns are shown.
        return look(eyes.context, eyes.now(), self._vision, name, mode="captions")

    def _too_many(self) -> list[str]:
        """The views that are to go: the older half, once there are twice as many as stay."""
        keep = self._settings.keep_views
        return self._views[:-keep] if keep and len(self._views) >= 2 * keep else []

    def _on_user_state(self, _: object) -> None:
        self._heard.tell()

    def _on_close(self, _: object) -> None:
        self._stop()


def caption_feed(session: AgentSession[Any], sees: Sees, vision: AgentSettings) -> CaptionFeed | None:
    """Begin to tell captions, if ``AGENT_REALTIME_SHOWS`` says so."""
    settings = load(RealtimeSettings)
    if not settings.shows_captions:
        return None
    feed = CaptionFeed(session, sees, settings, vision)
    feed.start()
    return feed


def what_it_says(shown: Iterable[Shown]) -> View:
    """Whose tracks are in view and what is said of them, without order, case and small words.

    Two captions of one scene are worded alike, not the same: "A woman holds a mug" and "a woman holds
    the mug" say one thing, and "two mugs" another.
    """
    return frozenset(
        (each.participant, each.track, each.stage, *sorted(_words(each.text)))
        for each in shown
        if not each.past
    )


def _words(text: str) -> set[str]:
    return set(_WORDS.findall(text.casefold())) - _SMALL
