"""From "look now" to the caption, while five times more frames come than can be captioned.

Somebody asks for a frame of a track every now and then, as an agent does when its user begins to speak. The
frame that answers gets a ticket of the urgent lane; beside it, in a run of its own, a ticket of the routine
lane, as if there were no other. Takes about a minute.
"""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from itertools import cycle
from typing import NamedTuple, cast

from bus_load.asking import Asker, Camera
from bus_load.load import Fleet, fleet
from bus_load.plain import SIGHTLINE
from bus_load.systems import Sightline
from harness import Figure, Options, Row, Spread, interleaved, main, percentile
from sightline.messages import Trigger
from sightline.sampling.control import Control

MODEL_SECONDS = 0.4
REPLICAS, TRACKS, INTERVAL = 4, 50, 1.0
"""50 frames a second for 10 captions."""

ASK_EVERY = 0.35
LONGEST_TURN = 10.0
"""Seconds within which each track had its turn, also in the routine lane."""

WARM_UP = 2.0
AIM = 1.2
WITHOUT = "without the lane"


class Asked(NamedTuple):
    """Seconds from each request to its caption; frames for each caption; cores that were busy."""

    seconds: list[float]
    excess: float
    cores: float


async def asked(trigger: Trigger, seconds: float) -> Asked:
    """Overload the replicas, and ask meanwhile; the frames that answer have this trigger."""
    async with fleet(SIGHTLINE, REPLICAS, MODEL_SECONDS) as running, _cameras(running, trigger) as asker:
        began, cpu = time.monotonic(), running.cpu_seconds()
        load = asyncio.create_task(running.publish(TRACKS, INTERVAL, WARM_UP + seconds + LONGEST_TURN))
        await asyncio.sleep(WARM_UP)
        requests = []
        for track in cycle(range(TRACKS)):
            if time.monotonic() > began + WARM_UP + seconds:
                break
            requests.append(asyncio.create_task(asker.ask(track)))
            await asyncio.sleep(ASK_EVERY * random.uniform(0.5, 1.5))
        found = await asyncio.gather(*requests)
        cores = (running.cpu_seconds() - cpu) / (time.monotonic() - began)
        excess = len(running.record.taken) / len(running.record.captions)
        load.cancel()
        await asyncio.gather(load, return_exceptions=True)
        return Asked(found, excess, cores)


@asynccontextmanager
async def _cameras(running: Fleet, trigger: Trigger) -> AsyncIterator[Asker]:
    """Each track answers requests, as room-ingest's tracks do, with its newest picture."""
    source = cast(Sightline, running.system)
    async with AsyncExitStack() as stack:
        for number in range(TRACKS):
            camera = Camera(running, source, number, trigger)
            control = Control(source.bus, camera.track.room)
            stack.push_async_callback(control.close)
            await control.add(camera.track.participant, camera)
        yield Asker(running, source.bus)


async def measure(options: Options) -> list[Row]:
    seconds, repetitions = (2.0, 1) if options.quick else (12.0, 2)
    runs = {
        SIGHTLINE: partial(asked, Trigger.USER_REQUEST, seconds),
        WITHOUT: partial(asked, Trigger.TIMER, seconds),
    }
    found = await interleaved(runs, repetitions)
    return [Row(number=7, title="urgent lane", figures=_figures(found), notes=_notes(found))]


def _figures(found: dict[str, list[Asked]]) -> list[Figure]:
    p95, limit = _spread(found, 95), AIM * MODEL_SECONDS
    return [
        Figure(
            name="request → caption under 5 × overload, p95",
            ours=p95[SIGHTLINE],
            baselines={WITHOUT: p95[WITHOUT]},
            unit="s",
            aim=f"at most {limit:.2f} s, {AIM:g} × the model",
            met=p95[SIGHTLINE].median <= limit,
        ),
        Figure(
            name="request → caption under 5 × overload, p50",
            ours=_spread(found, 50)[SIGHTLINE],
            baselines={WITHOUT: _spread(found, 50)[WITHOUT]},
            unit="s",
            detail=True,
        ),
    ]


def _spread(found: dict[str, list[Asked]], percent: float) -> dict[str, Spread]:
    return {
        name: Spread.of(percentile(each.seconds, percent) for each in runs) for name, runs in found.items()
    }


def _notes(found: dict[str, list[Asked]]) -> str:
    runs = [each for of_name in found.values() for each in of_name]
    requests = sum(len(each.seconds) for each in found[SIGHTLINE])
    return (
        f"{TRACKS} tracks at a frame a second, {REPLICAS} replicas that wait {MODEL_SECONDS:g} s for a "
        f"caption, {Spread.of(each.excess for each in runs).median:.1f} frames for each caption. "
        f"{requests} requests over the bus, answered by the newest picture of a simulated track; encoding is "
        f"in row 5. All processes together kept {max(each.cores for each in runs):.2f} of {os.cpu_count()} "
        "cores busy at most."
    )


if __name__ == "__main__":
    main("urgent", measure, __doc__)
