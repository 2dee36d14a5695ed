"""Captions a second with more and more replicas, and who gets them when there are too few.

Each replica takes 0.2 s for a caption. First 1 to 16 of them have more to do than they can, and captions a
second are counted. Then 50 tracks publish five times more frames than 4 replicas can do: how old is a frame
as its caption comes, how equal are the tracks' shares, and which tracks get nothing?

The same for FastStream's NATS pull subscriber and for a stream that keeps the newest frame of each track,
pulled through one durable consumer. Takes about five minutes.
"""

from __future__ import annotations

import asyncio
import os
import time
from functools import partial
from typing import NamedTuple

from bus_load.load import PROCESSES, fleet, jain, rate, shares
from bus_load.plain import SIGHTLINE
from bus_load.systems import BASELINES
from harness import Curve, Figure, Options, Row, Spread, interleaved, main, percentile, say

MODEL_SECONDS = 0.2
REPLICAS = (1, 2, 4, 8, 16)
COMPARED = (1, 8)
"""Replicas of the baselines whose captions are counted."""

BUSY = 8
"""Tracks for each replica, at a frame a second: more than half as much again as it can do."""

TRACKS, INTERVAL, FEW = 50, 0.5, 4
"""Overload: 100 frames a second for 20 captions."""

WARM_UP = 1.5
LINEAR, LINEAR_GATE = 0.97, 0.85
FAIR, FAIR_GATE = 0.99, 1.05


class Scaled(NamedTuple):
    """Captions a second, and cores that all processes together kept busy."""

    rate: float
    cores: float


class Overloaded(NamedTuple):
    """What became of the tracks.

    Attributes:
        staleness: 95th percentile of the age of the frames as their captions come, in seconds.
        jain: Of the tracks' shares.
        starved: Tracks without any caption.
        excess: Frames for each caption.
    """

    staleness: float
    jain: float
    starved: int
    excess: float
    cores: float


async def scaled(name: str, replicas: int, seconds: float) -> Scaled:
    """Give the replicas more than they can do, and count."""
    async with fleet(name, replicas, MODEL_SECONDS) as running:
        load = asyncio.create_task(running.publish(BUSY * replicas, 1.0, WARM_UP + seconds))
        await asyncio.sleep(WARM_UP)
        began, cpu = time.monotonic(), running.cpu_seconds()
        await load
        end = time.monotonic()
        cores = (running.cpu_seconds() - cpu) / (end - began)
        return Scaled(rate(running.record.between(began, end)), cores)


async def overloaded(name: str, seconds: float) -> Overloaded:
    """Five times more frames than captions."""
    async with fleet(name, FEW, MODEL_SECONDS) as running:
        began, cpu = time.monotonic(), running.cpu_seconds()
        load = asyncio.create_task(running.publish(TRACKS, INTERVAL, WARM_UP + seconds))
        await load
        end = time.monotonic()
        cores = (running.cpu_seconds() - cpu) / (end - began)
        all_of_them = running.record.between(began, end)
        captions = running.record.between(began + WARM_UP, end)
        return Overloaded(
            staleness=percentile(running.record.staleness(captions), 95),
            jain=jain(shares(captions, TRACKS)),
            starved=shares(all_of_them, TRACKS).count(0),
            excess=len(running.record.taken) / len(all_of_them),
            cores=cores,
        )


async def measure(options: Options) -> list[Row]:
    say("more and more replicas")
    scale = await _scale(options)
    say("five times more frames than captions")
    seconds, repetitions = (7.5, 1) if options.quick else (18.0, 2)
    names = (SIGHTLINE, BASELINES[1]) if options.quick else (SIGHTLINE, *BASELINES)
    runs = {name: partial(overloaded, name, seconds) for name in names}
    overload = await interleaved(runs, repetitions)
    return [_row(scale, overload)]


async def _scale(options: Options) -> dict[tuple[str, int], list[Scaled]]:
    seconds, repetitions = (3.0, 1) if options.quick else (3.5, 3)
    sizes = COMPARED if options.quick else REPLICAS
    cases = [(SIGHTLINE, each) for each in sizes]
    if not options.quick:
        cases += [(name, each) for name in BASELINES for each in COMPARED]
    labels = {f"{name}, {count} replicas": (name, count) for name, count in cases}
    runs = {label: partial(scaled, *case, seconds) for label, case in labels.items()}
    found = await interleaved(runs, repetitions)
    return {case: found[label] for label, case in labels.items()}


def _row(scale: dict[tuple[str, int], list[Scaled]], overload: dict[str, list[Overloaded]]) -> Row:
    figures = [_linear(scale), *_rates(scale), *_of_overload(overload)]
    return Row(
        number=6, title="scale-out", figures=figures, notes=_notes(scale, overload), curves=[_curve(scale)]
    )


def _linear(scale: dict[tuple[str, int], list[Scaled]]) -> Figure:
    eight, one = _rate(scale, SIGHTLINE, 8), _rate(scale, SIGHTLINE, 1)
    linear = Spread.of(8 * each for each in one.samples)
    return Figure(
        name="captions a second with 8 replicas",
        ours=eight,
        baselines={"8 × one replica": linear},
        better="more",
        aim=f"at least {LINEAR:.0%} of 8 × one",
        met=eight.over(linear).median >= LINEAR,
        gates={"8 × one replica": LINEAR_GATE},
    )


def _rates(scale: dict[tuple[str, int], list[Scaled]]) -> list[Figure]:
    return [
        Figure(
            name=f"captions a second with {count} replicas, of what the model allows",
            ours=_share(scale, SIGHTLINE, count),
            baselines={name: _share(scale, name, count) for name in BASELINES if (name, count) in scale},
            unit="%",
            better="more",
            detail=count not in COMPARED,
        )
        for name, count in scale
        if name == SIGHTLINE
    ]


def _of_overload(overload: dict[str, list[Overloaded]]) -> list[Figure]:
    fair, stale = _overload(overload, "jain"), _overload(overload, "staleness")
    starved = _overload(overload, "starved")
    allowed = MODEL_SECONDS + INTERVAL
    others = [name for name in overload if name != SIGHTLINE]
    return [
        Figure(
            name="5 × overload: age of a frame as its caption comes, p95",
            ours=stale[SIGHTLINE],
            baselines={name: stale[name] for name in others},
            unit="s",
            aim=f"at most {allowed:.2f} s, model and sample interval",
            met=stale[SIGHTLINE].median <= allowed,
        ),
        Figure(
            name="5 × overload: Jain's index of the tracks' captions",
            ours=fair[SIGHTLINE],
            baselines={name: fair[name] for name in others},
            better="more",
            aim=f"at least {FAIR:g}",
            met=fair[SIGHTLINE].median >= FAIR,
            gates={BASELINES[1]: FAIR_GATE},
        ),
        Figure(
            name=f"5 × overload: tracks of {TRACKS} without any caption",
            ours=starved[SIGHTLINE],
            baselines={name: starved[name] for name in others},
            aim="none",
            met=starved[SIGHTLINE].high == 0,
        ),
    ]


def _notes(scale: dict[tuple[str, int], list[Scaled]], overload: dict[str, list[Overloaded]]) -> str:
    cores = [each.cores for found in scale.values() for each in found]
    cores += [each.cores for found in overload.values() for each in found]
    most, excess = max(cores), Spread.of(each.excess for each in overload[SIGHTLINE])
    return (
        f"A replica waits {MODEL_SECONDS:g} s for a caption, as for a model elsewhere; replicas are tasks of "
        f"{PROCESSES} processes, each with its own connection, runner and pulls. Captions a second: {BUSY} "
        "tracks at a frame a second for each replica; of each replica from its first caption to its last, "
        f"added up. Overload: {TRACKS} tracks, {1 / INTERVAL:.0f} frames a second each, {FEW} replicas, "
        f"{excess.median:.1f} frames for each caption; frame times vary by 10 % for all. FastStream's stream "
        "keeps all frames, so its age grows for as long as the overload lasts. All processes together kept "
        f"{most:.2f} of {os.cpu_count()} cores busy at most."
    )


def _curve(scale: dict[tuple[str, int], list[Scaled]]) -> Curve:
    lines: dict[str, dict[float, Spread]] = {}
    for name, count in scale:
        lines.setdefault(name, {})[count] = _rate(scale, name, count)
    lines["what the model allows"] = {
        count: Spread.of([count / MODEL_SECONDS]) for name, count in scale if name == SIGHTLINE
    }
    return Curve(title="captions a second", x="replicas", lines=lines, logarithmic=True)


def _rate(scale: dict[tuple[str, int], list[Scaled]], name: str, count: int) -> Spread:
    return Spread.of(each.rate for each in scale[name, count])


def _share(scale: dict[tuple[str, int], list[Scaled]], name: str, count: int) -> Spread:
    return Spread.of(100 * each.rate * MODEL_SECONDS / count for each in scale[name, count])


def _overload(overload: dict[str, list[Overloaded]], part: str) -> dict[str, Spread]:
    return {name: Spread.of(getattr(each, part) for each in found) for name, found in overload.items()}


if __name__ == "__main__":
    main("scale_out", measure, __doc__)
