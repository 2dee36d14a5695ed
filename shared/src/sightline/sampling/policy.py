"""When a picture becomes a frame, why, and for which stages. Pure: times and flags in, a decision out.

``History`` is what has been published of a track. It changes only when a frame was published, so a
frame that the bus did not take leaves everything due that was due.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

from sightline.messages import Trigger
from sightline.sampling.scene import View
from sightline.worker import StageWants


class Pace(Protocol):
    """How often a source samples; settings of a source are one. All in seconds, but ``speaking_fps``."""

    @property
    def speaking_fps(self) -> float:
        """Frames a second of a participant's tracks while they speak."""

    @property
    def idle_interval(self) -> float:
        """Between frames otherwise."""

    @property
    def scene_gap(self) -> float:
        """At least, between changes of scene."""

    @property
    def refresh_interval(self) -> float:
        """After which a scene that does not change is looked at anew by each stage."""


@dataclass(frozen=True, slots=True)
class Look:
    """What is known as a picture is looked at.

    Attributes:
        now: Seconds on a monotonic clock.
        view: How the picture compares with the first frame of the scene.
        speaking: The participant speaks.
        asked: Somebody waits for a frame.
        generation: Of the bus; it grows when tickets and frames may have been lost.
        afresh: Who waits wants it described, also where it shows what was described before.
    """

    now: float
    view: View
    speaking: bool = False
    asked: bool = False
    generation: int = 0
    afresh: bool = True

    @property
    def is_urgent(self) -> bool:
        """Whether somebody waits for a description of it."""
        return self.asked and (self.afresh or self.view is not View.STILL)


@dataclass(frozen=True, slots=True)
class Sample:
    """The picture becomes a frame.

    Attributes:
        trigger: Why.
        stages: Those that get a ticket for it.
        unchanged_since: As in ``FrameInfo``.
    """

    trigger: Trigger
    stages: frozenset[str]
    unchanged_since: int | None


@dataclass(frozen=True, slots=True)
class Given:
    """The last ticket that a stage was given: for which scene, when, in which generation of the bus."""

    scene: int
    at: float
    generation: int


@dataclass(frozen=True, slots=True)
class History:
    """What has been published of a track.

    Attributes:
        last: When the last frame was sampled.
        scene: Sequence of the first frame of the scene.
        scene_trigger: Its trigger.
        generation: Of the bus, at the last frame.
        known: The stages that were registered at the last frame.
        given: The last ticket of each stage.
    """

    last: float | None = None
    scene: int = 0
    scene_trigger: Trigger = Trigger.INITIAL
    generation: int = 0
    known: frozenset[str] = frozenset()
    given: Mapping[str, Given] = field(default_factory=dict)

    def after(
        self, look: Look, sample: Sample, sequence: int, known: Iterable[str], ticketed: Iterable[str]
    ) -> History:
        """A frame was published.

        Args:
            look: What it was decided on.
            sample: The decision.
            sequence: Of the frame.
            known: The stages that were registered.
            ticketed: The stages whose ticket the bus took, or has from before.
        """
        begins = sample.unchanged_since is None
        scene = sequence if begins else self.scene
        given = Given(scene, look.now, look.generation)
        return History(
            last=look.now,
            scene=scene,
            scene_trigger=sample.trigger if begins else self.scene_trigger,
            generation=look.generation,
            known=frozenset(known),
            given={**self.given, **dict.fromkeys(ticketed, given)},
        )

    def ticketed(self, stages: Iterable[str], now: float) -> History:
        """These stages were given a ticket for the newest frame, without another one."""
        given = Given(self.scene, now, self.generation)
        known = self.known.union(stages := frozenset(stages))
        return replace(self, known=known, given={**self.given, **dict.fromkeys(stages, given)})

    def keeping(self, stages: Iterable[str]) -> History:
        """Forget the stages that are gone: when they come back they are new ones."""
        stages = frozenset(stages)
        given = {stage: each for stage, each in self.given.items() if stage in stages}
        return replace(self, known=self.known & stages, given=given)


class Policy:
    """The rules, with their settings."""

    def __init__(self, settings: Pace) -> None:
        self._settings = settings

    def interval(self, speaking: bool, wants: Mapping[str, StageWants]) -> float | None:
        """Seconds between frames when nothing happens; None when no stage wants any."""
        if not wants:
            return None
        wish = 1 / self._settings.speaking_fps if speaking else self._settings.idle_interval
        return max(wish, self._gap(wants))

    def due(self, history: History, look: Look, wants: Mapping[str, StageWants]) -> float | None:
        """When a picture seen like this becomes a frame, on the clock of ``look.now``; None: never."""
        interval = self.interval(look.speaking, wants)
        if interval is None:
            return None
        if look.asked or history.last is None:
            return look.now
        if self._is_initial(history, look, wants):
            return history.last + self._gap(wants)
        if look.view is View.NEW:
            return history.last + min(interval, max(self._settings.scene_gap, self._gap(wants)))
        return history.last + interval

    def decide(self, history: History, look: Look, wants: Mapping[str, StageWants]) -> Sample | None:
        """Whether this picture becomes a frame.

        Args:
            history: What has been published of this track.
            look: What is seen now.
            wants: What each registered stage wants.
        """
        due = self.due(history, look, wants)
        if due is None or look.now < due:
            return None
        return self.take(history, look, wants, self._trigger(history, look, wants))

    def take(self, history: History, look: Look, wants: Mapping[str, StageWants], trigger: Trigger) -> Sample:
        """A picture that becomes a frame whenever it comes: its source chose when, and why.

        The stages still get no more tickets than they want.
        """
        begins = history.last is None or look.view is not View.STILL
        sample = Sample(trigger, frozenset(), None if begins else history.scene)
        stages = [stage for stage, want in wants.items() if self._ticket(history, look, sample, stage, want)]
        return replace(sample, stages=frozenset(stages))

    def owed(self, history: History, wants: Mapping[str, StageWants]) -> dict[str, float]:
        """The stages that have no ticket for the scene in view, and from when on they may have one.

        For sources whose next picture may be far away: the newest frame is as good.
        """
        owed: dict[str, float] = {}
        for stage, want in wants.items() if history.last is not None else ():
            last = history.given.get(stage)
            if last is None and want.triggers & {history.scene_trigger, Trigger.INITIAL}:
                owed[stage] = float("-inf")
            elif last is not None and last.scene != history.scene and history.scene_trigger in want.triggers:
                owed[stage] = last.at + 1 / want.max_fps
        return owed

    def _trigger(self, history: History, look: Look, wants: Mapping[str, StageWants]) -> Trigger:
        if look.is_urgent:
            return Trigger.USER_REQUEST
        if self._is_initial(history, look, wants):
            return Trigger.INITIAL
        return Trigger.SCENE_CHANGE if look.view is View.NEW else Trigger.TIMER

    def _ticket(self, history: History, look: Look, sample: Sample, stage: str, want: StageWants) -> bool:
        last = history.given.get(stage)
        if sample.trigger is Trigger.USER_REQUEST:
            # Someone is waiting. The worker knows by the frame's id when there is nothing left to do.
            return sample.trigger in want.triggers
        if last is None:
            return sample.trigger in want.triggers or Trigger.INITIAL in want.triggers
        if look.now < last.at + 1 / want.max_fps:
            return False
        if sample.unchanged_since is None:
            return sample.trigger in want.triggers
        if last.scene != history.scene:
            # The stage was given no ticket as the scene began: too soon for it, or the bus did not take it.
            return sample.trigger in want.triggers or history.scene_trigger in want.triggers
        is_stale = look.now >= last.at + self._settings.refresh_interval
        return (is_stale or look.generation != last.generation) and sample.trigger in want.triggers

    @staticmethod
    def _is_initial(history: History, look: Look, wants: Mapping[str, StageWants]) -> bool:
        """Nobody who is there now, bus included, has had a frame of this track."""
        return (
            history.last is None or look.generation != history.generation or history.known.isdisjoint(wants)
        )

    @staticmethod
    def _gap(wants: Mapping[str, StageWants]) -> float:
        """Seconds between frames at least: no stage could use more of them."""
        return 1 / max(want.max_fps for want in wants.values())
