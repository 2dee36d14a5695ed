"""Telling somebody something as soon as it is seen: "tell me when the kettle boils".

A condition in words is put to a captioner, again and again, as a question about what is in view now; a
condition in code is a function of the captions as they come. Either way the agent says it once, by
itself, without a turn of the user's. Nothing that a camera showed becomes part of its instructions.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Sequence
from typing import Any, Literal

from livekit.agents import AgentSession

from sightline import subjects
from sightline.config import load
from sightline.errors import SightlineError
from sightline.log import get_logger
from sightline.messages import Answer, Caption, FrameInfo, Question
from sightline_agent import render
from sightline_agent.context import Seen
from sightline_agent.eyes import Eyes
from sightline_agent.realtime.session import CurrentAgent, Sees
from sightline_agent.realtime.settings import WatchSettings

log = get_logger()

Predicate = Callable[[Sequence[Seen[Caption]]], bool]
"""What is in view -> whether that is what was waited for."""

Outcome = Literal["watching", "seen", "timeout", "cancelled", "failed"]

MIN_GAP = 1.0
"""Seconds between two questions about one condition, however much happens in view."""

MAX_CONDITION = 300
"""Characters of a condition in words."""

QUESTION = 'Is this true of the picture: "{condition}"? Answer with one word, yes or no.'
SEEN = """\
The user asked you to tell them as soon as this is so: "{condition}". You have just seen that it is so now. \
Tell them, in one short sentence."""
TIMED_OUT = """\
The user asked you to tell them as soon as this is so: "{condition}". You have watched for {minutes} \
minutes, did not see it, and have stopped watching. Tell them, in one short sentence."""


class Watching:
    """One condition that is watched for, until it is seen, its time is up, or it is cancelled.

    Attributes:
        condition: In words; of a function its name.
        outcome: ``watching`` until it is over.
    """

    def __init__(self, condition: str | Predicate, who: str, every: float, timeout: float) -> None:
        if isinstance(condition, str):
            condition = render.clean(condition, MAX_CONDITION)
        if not condition:
            raise ValueError("watch: expected a condition, such as 'the kettle boils', got nothing")
        if every <= 0 or timeout <= 0:
            raise ValueError(f"watch: expected seconds above 0, got every={every} and timeout={timeout}")
        self.predicate = None if isinstance(condition, str) else condition
        self.condition = (
            condition if isinstance(condition, str) else getattr(condition, "__name__", "a function")
        )
        self.who, self.every, self.timeout = who, every, timeout
        self.outcome: Outcome = "watching"
        self.asked: dict[tuple[str, str], int] = {}
        self._over = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def is_for(self, condition: str, who: str = "") -> bool:
        """Whether it is this condition in words, whatever its case."""
        return self.predicate is None and (self.condition.casefold(), self.who) == (condition.casefold(), who)

    def cancel(self) -> None:
        """Watch no more, and say nothing. Harmless when it is over."""
        if self._task is not None:
            self._task.cancel()
        self.end("cancelled")

    async def wait(self) -> Outcome:
        """How it ended, once it has."""
        await self._over.wait()
        return self.outcome

    def begin(self, task: asyncio.Task[None]) -> None:
        """For the watcher: what does the work."""
        self._task = task

    def end(self, outcome: Outcome) -> None:
        """For the watcher: it is over; the first outcome counts."""
        if not self._over.is_set():
            self.outcome = outcome
            self._over.set()


class Watcher:
    """Watches for conditions, and has the agent say so, in a session of any kind of model::

        watcher = Watcher(session)
        watcher.watch("the kettle boils")
        watcher.watch(lambda view: any("smoke" in each.message.text for each in view), say="Warn them.")

    It ends with its session.

    Args:
        session: A session that has started.
        sees: What has the eyes: by default whichever VisionAgent runs; or what ``attach_vision`` returned.
        settings: Read from ``AGENT_WATCH_*`` by default.
    """

    def __init__(
        self, session: AgentSession[Any], sees: Sees | None = None, settings: WatchSettings | None = None
    ) -> None:
        self._session = session
        self._sees = sees or CurrentAgent(session)
        self._settings = settings or load(WatchSettings)
        self._tasks: dict[asyncio.Task[None], Watching] = {}
        session.on("close", self._on_close)

    @property
    def watching(self) -> list[Watching]:
        """What is watched for now, the oldest first."""
        return [each for each in self._tasks.values() if each.outcome == "watching"]

    def watch(
        self,
        condition: str | Predicate,
        *,
        say: str = "",
        who: str = "",
        every: float | None = None,
        timeout: float | None = None,
    ) -> Watching:
        """Begin to watch. Returns at once; the same condition in words is watched for once.

        Args:
            condition: In words, as a statement; or a function of the captions of what is in view.
            say: Instructions for what is said then. By default a condition in words is told, and also
                that its time is up; for a function nothing is said: await ``wait()`` of what is returned.
            who: Watch this participant's tracks only.
            every: Seconds between two looks, at most: a new scene is looked at when it comes.
            timeout: Seconds until it stops watching.

        Raises:
            ValueError: No condition, no time, or too many conditions at once.
        """
        watching = Watching(
            condition,
            who,
            self._settings.interval if every is None else every,
            self._settings.timeout if timeout is None else timeout,
        )
        for other in self.watching:
            if watching.predicate is None and other.is_for(watching.condition, who):
                return other
        if len(self.watching) >= self._settings.limit:
            raise ValueError(
                f"watch: expected at most {self._settings.limit} conditions at once (AGENT_WATCH_LIMIT), "
                f"got one more; cancel one of: {'; '.join(each.condition for each in self.watching)}"
            )
        task = asyncio.create_task(self._watch(watching, say), name="sightline-watch")
        self._tasks[task] = watching
        watching.begin(task)
        task.add_done_callback(self._over)
        return watching

    async def close(self) -> None:
        """Watch for nothing any more."""
        self._session.off("close", self._on_close)
        tasks = list(self._tasks)
        self._on_close(None)
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _watch(self, watching: Watching, say: str) -> None:
        try:
            async with asyncio.timeout(watching.timeout):
                await self._until_seen(watching)
        except TimeoutError:
            watching.end("timeout")
            if watching.predicate is None and not say:
                minutes = f"{watching.timeout / 60:.3g}"
                self._say(TIMED_OUT.format(condition=watching.condition, minutes=minutes))
        except Exception:
            # A function of a developer's; whoever waits is told that it is over.
            log.exception("watch_failed")
            watching.end("failed")
        else:
            watching.end("seen")
            if say or watching.predicate is None:
                self._say(say or SEEN.format(condition=watching.condition))

    def _say(self, instructions: str) -> None:
        """Once. LiveKit lets whoever speaks finish, and then speaks."""
        try:
            self._session.generate_reply(instructions=instructions)
        except RuntimeError as error:
            log.info("watch_not_told", reason=str(error))

    async def _until_seen(self, watching: Watching) -> None:
        while True:
            eyes, began = self._sees.eyes, time.monotonic()
            if eyes is None:
                await asyncio.sleep(min(watching.every, MIN_GAP))
            elif watching.predicate is not None:
                version = eyes.changes.version
                if watching.predicate(_of(watching.who, eyes.context.describe(eyes.now()))):
                    return
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(watching.every):
                        await eyes.changes.after(version)
            else:
                scenes = _scenes(eyes, watching.who)
                if await self._is_true(eyes, watching):
                    return
                await _new_scene(eyes, watching, scenes)
                await asyncio.sleep(max(0.0, began + min(watching.every, MIN_GAP) - time.monotonic()))

    async def _is_true(self, eyes: Eyes, watching: Watching) -> bool:
        """Ask about the newest frame of each track that has a new one; one yes is enough."""
        for frame in _in_view(eyes, watching.who):
            key = (frame.track.participant, frame.track.id)
            if watching.asked.get(key) == frame.sequence:
                continue
            answer = await self._ask(eyes, frame, watching.condition)
            if answer is None:
                continue
            watching.asked[key] = frame.sequence
            if is_yes(answer):
                return True
        return False

    async def _ask(self, eyes: Eyes, frame: FrameInfo, condition: str) -> str | None:
        """The answer; None where there is none now, which may be another thing at the next look."""
        bus = eyes.bus
        if bus is None:
            return None
        question = Question(track=frame.track, question=QUESTION.format(condition=condition))
        try:
            answer = await bus.request(
                subjects.ask(self._settings.stage), question, Answer, timeout=self._settings.ask_timeout
            )
        except SightlineError as error:
            log.debug("watch_not_answered", reason=str(error))
            return None
        if answer.error:
            log.debug("watch_not_answered", reason=answer.error)
            return None
        return answer.text

    def _over(self, task: asyncio.Task[None]) -> None:
        if watching := self._tasks.pop(task, None):
            watching.end("cancelled")

    def _on_close(self, _: object) -> None:
        for watching in self.watching:
            watching.cancel()


def is_yes(answer: str) -> bool:
    """Whether a model says yes: its first word is what counts.

    >>> is_yes(" Yes, it boils."), is_yes("No; yes is what I would say if it did.")
    (True, False)
    """
    words = answer.casefold().split()
    return bool(words) and words[0].strip(".,;:!'\"*") in ("yes", "true")


def _in_view(eyes: Eyes, who: str) -> list[FrameInfo]:
    return [each for each in eyes.context.in_view if who in ("", each.track.participant)]


def _of(who: str, view: list[Seen[Caption]]) -> list[Seen[Caption]]:
    return [each for each in view if who in ("", each.participant)]


def _scenes(eyes: Eyes, who: str) -> set[tuple[str, str, int]]:
    return {
        (frame.track.participant, frame.track.id, frame.unchanged_since or frame.sequence)
        for frame in _in_view(eyes, who)
    }


async def _new_scene(eyes: Eyes, watching: Watching, scenes: set[tuple[str, str, int]]) -> None:
    """Wait until something else is in view, ``every`` seconds at most."""
    await eyes.until(lambda: not _scenes(eyes, watching.who) <= scenes, watching.every)
