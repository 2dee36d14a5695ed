"""Which changes a model is told of, and how many of its calls are saved while nothing changes.

A labelled set of clips is made by code (``benchmarks/scene_set``): cameras before which things come and go,
lights change and the view pans, or whose picture changes without anything happening (noise, flicker,
exposure, white balance, tremor); shared screens on which a line, a figure or a window changes, or nothing but
the pointer moves. Each is coded to VP8 and decoded, looked at four times a second as room-ingest does, and
sampled with room-ingest's policy and default settings for somebody who does not speak.

Compared are detectors under that policy: Sightline's; none, so that each picture of the timer goes to a
model; and the mean absolute difference from the picture that was shown last, with the threshold that is the
best on this very set. The calls that are saved are counted on a camera on a desk, before which something is
put or taken away every forty seconds. One repetition is one seed: other clips.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Literal, NamedTuple

import cv2
import numpy as np

from harness import Figure, Options, Row, Spread, main, say
from scene_set.cameras import Shown
from scene_set.coded import Coder
from scene_set.detectors import Detector, MeanDifference, Seen, TimerOnly, sightline
from scene_set.kinds import CAMERAS, SCREENS, mostly_still
from scene_set.scoring import Score, score, total
from sightline.messages import Source

RECALL, SAVED = 0.98, 80.0
OURS, TIMER = "Sightline", "timer only"
BEST, CAREFUL = "mean difference, best F1", "mean difference, recall of ours"
THRESHOLDS = [float(each) for each in np.geomspace(0.02, 30, 48)]
"""Of the mean difference, in levels of 256."""


class Clip(NamedTuple):
    kind: str
    source: Source
    seen: list[Seen]


@dataclass(frozen=True, slots=True)
class Found:
    """Of one seed, by detector.

    Attributes:
        cameras: On the clips of cameras.
        screens: On those of screens.
        still: On the camera on a desk.
        missed: What it did not find in time, by kind of clip.
    """

    cameras: Score
    screens: Score
    still: Score
    missed: Mapping[str, int]

    @property
    def all(self) -> Score:
        return self.cameras + self.screens


async def measure(options: Options) -> list[Row]:
    """Row 9."""
    seeds, seconds = (1, 45) if options.quick else (5, 300)
    loop = asyncio.get_running_loop()
    with ProcessPoolExecutor(2, get_context("spawn")) as pool:
        runs = [loop.run_in_executor(pool, one_seed, seed, seconds) for seed in range(seeds)]
        found = []
        for number, run in enumerate(runs):
            found.append(await run)
            say(f"{number + 1}/{seeds}")
    return [_row(found)]


def one_seed(seed: int, still_seconds: int) -> dict[str, Found]:
    """Make the clips of a seed, and play them to all detectors."""
    cv2.setNumThreads(1)
    labelled = list(_labelled(seed))
    random = np.random.default_rng((seed, 1))
    still = [_clip("still", Source.CAMERA, mostly_still(random, still_seconds))]
    found = {
        OURS: _found(sightline, labelled, still),
        TIMER: _found(lambda source: TimerOnly(), labelled, still),
    }
    tried = [_of_threshold(each, labelled, still) for each in THRESHOLDS]
    found[BEST] = max(tried, key=lambda each: each.all.f1)
    as_careful = [each for each in tried if each.all.recall >= found[OURS].all.recall]
    found[CAREFUL] = as_careful[-1] if as_careful else tried[0]
    return found


def _labelled(seed: int) -> Iterator[Clip]:
    for source, kinds in ((Source.CAMERA, CAMERAS), (Source.SCREEN, SCREENS)):
        for number, kind in enumerate(kinds):
            random = np.random.default_rng((seed, source is Source.SCREEN, number))
            yield _clip(kind.__name__, source, kind(random))


def _clip(kind: str, source: Source, shown: Iterable[Shown]) -> Clip:
    """The pictures as they arrive in room-ingest, and as it looks at them."""
    coder: Coder | None = None
    look, seen = sightline(source).look, []
    for pixels, state in shown:
        coder = coder or Coder(pixels.shape[1], pixels.shape[0])
        seen.append(Seen(look(coder.through(pixels)), state))
    return Clip(kind, source, seen)


def _of_threshold(threshold: float, labelled: list[Clip], still: list[Clip]) -> Found:
    return _found(lambda source: MeanDifference(threshold), labelled, still)


def _found(detector: Callable[[Source], Detector], labelled: list[Clip], still: list[Clip]) -> Found:
    scores = [(clip, score(clip.seen, detector(clip.source))) for clip in labelled]
    missed: dict[str, int] = {}
    for clip, each in scores:
        if each.found < each.changes:
            missed[clip.kind] = missed.get(clip.kind, 0) + each.changes - each.found
    return Found(
        total(each for clip, each in scores if clip.source is Source.CAMERA),
        total(each for clip, each in scores if clip.source is Source.SCREEN),
        total(score(clip.seen, detector(clip.source)) for clip in still),
        missed,
    )


def _row(found: list[dict[str, Found]]) -> Row:
    def figure(
        name: str, value: Callable[[Found], float], better: Literal["less", "more"] = "more"
    ) -> Figure:
        spreads = {each: Spread.of(value(one[each]) for one in found) for each in found[0]}
        return Figure(name=name, ours=spreads.pop(OURS), baselines=spreads, better=better)

    timer_calls = found[0][TIMER].still.calls
    recall = figure("recall of changes", lambda one: one.all.recall)
    calls = figure(
        "model calls on a mostly still camera, of 100 of a timer",
        lambda one: 100 * one.still.calls / timer_calls,
        "less",
    )
    return Row(
        number=9,
        title="changes that a model is told of",
        figures=[
            _with_aim(recall, "0.98 or more", recall.ours.median >= RECALL),
            _with_aim(calls, "20 or less: 80 % saved", calls.ours.median <= 100 - SAVED),
            figure("precision of calls", lambda one: one.all.precision),
            _detail(figure("recall, cameras", lambda one: one.cameras.recall)),
            _detail(figure("recall, screens", lambda one: one.screens.recall)),
            _detail(figure("recall, mostly still camera", lambda one: one.still.recall)),
            _detail(figure("precision, cameras", lambda one: one.cameras.precision)),
            _detail(figure("precision, screens", lambda one: one.screens.precision)),
        ],
        notes=_notes(found),
    )


def _detail(figure: Figure) -> Figure:
    return figure.model_copy(update={"detail": True})


def _with_aim(figure: Figure, aim: str, met: bool) -> Figure:
    return figure.model_copy(update={"aim": aim, "met": met})


def _notes(found: list[dict[str, Found]]) -> str:
    changes = sum(one[OURS].all.changes for one in found)
    missed: dict[str, int] = {}
    for one in found:
        for kind, count in one[OURS].missed.items():
            missed[kind] = missed.get(kind, 0) + count
    named = ", ".join(f"{count} of {kind.replace('_', ' ')}" for kind, count in sorted(missed.items()))
    return (
        f"{changes} labelled changes in all; not found in time by Sightline: {named or 'none'}. "
        "A change counts as found when a picture of it goes to a model within 3.5 s: the timer's interval "
        "and a look. The thresholds of the mean difference are chosen on the very clips that judge them."
    )


if __name__ == "__main__":
    main("scenes", measure, __doc__)
