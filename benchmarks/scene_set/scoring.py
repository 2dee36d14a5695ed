"""What a detector makes of a clip: which pictures a model is shown, and which changes it learns of in time.

A change is found when a picture of what there is to see since then goes to a model within ``DEADLINE``
seconds: the timer's interval, and a look. A call is right when what its picture shows is not what the call
before it showed; the first of a clip does not count.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from scene_set.coded import RATE
from scene_set.detectors import Detector, Seen
from sightline.sampling.policy import History, Look, Policy
from sightline.worker import StageWants
from sightline_ingest.settings import SamplingSettings

DEADLINE = 3.5


@dataclass(frozen=True, slots=True)
class Score:
    """Of one clip, or of several added up.

    Attributes:
        changes: That there were, and lasted longer than the deadline.
        found: Of them, in time.
        calls: Of the model, without the first.
        right: Of the calls, those that showed something else than the one before.
    """

    changes: int = 0
    found: int = 0
    calls: int = 0
    right: int = 0

    def __add__(self, other: Score) -> Score:
        return Score(
            self.changes + other.changes,
            self.found + other.found,
            self.calls + other.calls,
            self.right + other.right,
        )

    @property
    def recall(self) -> float:
        return self.found / self.changes if self.changes else 1.0

    @property
    def precision(self) -> float:
        return self.right / self.calls if self.calls else 1.0

    @property
    def f1(self) -> float:
        both = self.recall + self.precision
        return 2 * self.recall * self.precision / both if both else 0.0


def score(clip: Sequence[Seen], detector: Detector) -> Score:
    """Play a clip to a detector under room-ingest's policy, for somebody who does not speak."""
    calls = list(_calls(clip, detector))
    begins = _begins([each.state for each in clip])
    found = sum(
        any(clip[call].state == clip[begin].state and call - begin <= DEADLINE * RATE for call in calls)
        for begin in begins
    )
    shown = [clip[call].state for call in calls]
    right = sum(now != before for before, now in itertools.pairwise(shown))
    return Score(len(begins), found, max(0, len(calls) - 1), right)


def total(scores: Iterable[Score]) -> Score:
    """All of them together."""
    return sum(scores, Score())


def _calls(clip: Sequence[Seen], detector: Detector) -> Iterable[int]:
    """The places of the pictures that go to a model."""
    settings = SamplingSettings()
    policy, history, wants = Policy(settings), History(), {"captioner": StageWants()}
    for place, each in enumerate(clip):
        look = Look(now=place / RATE, view=detector.view(each.thumbnail))
        sample = policy.decide(history, look, wants)
        if sample is None:
            continue
        history = history.after(look, sample, place + 1, wants, sample.stages)
        if sample.unchanged_since is None:
            detector.begin(each.thumbnail)
        if sample.stages:
            yield place


def _begins(states: Sequence[int]) -> list[int]:
    """Where something else begins that is there for longer than the deadline."""
    begins = [place for place in range(1, len(states)) if states[place] != states[place - 1]]
    ends = [*begins[1:], len(states)]
    return [begin for begin, end in zip(begins, ends, strict=False) if end - begin > DEADLINE * RATE]
