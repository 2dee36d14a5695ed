"""What one more track costs the bus, as rooms grow from 10 to 5,000 tracks.

Four systems side by side, each with its own NATS server, source and replica: with 10, 100, 1,000 and 5,000
simulated tracks, each in a room of its own. In turns each system gets the same number of frames, which become
captions, and the CPU time of all its processes is divided by them. Memory is that of the server, with the
newest frame and a caption of each track. Takes about two and a half minutes.
"""

from __future__ import annotations

import statistics
from contextlib import AsyncExitStack
from functools import partial
from typing import NamedTuple

from bus_load.load import PICTURE_BYTES
from bus_load.rooms import AT_ONCE, Rooms, rooms
from harness import Curve, Figure, Options, Row, Spread, interleaved, main, say

SIZES, QUICK_SIZES = (10, 100, 1_000, 5_000), (10, 100, 1_000)
FLAT = 1.2
LARGE = 100
"""Tracks from which on their memory can be told from that of the server's own work."""

KIB = 1024


class Measured(NamedTuple):
    """Of one frame, from the source to its caption, in milliseconds.

    Attributes:
        cpu: CPU time of server, source and replica.
        server: Of the server alone.
        latency: How long it took, at the median.
    """

    cpu: float
    server: float
    latency: float


async def measure(options: Options) -> list[Row]:
    sizes, frames, repetitions = (QUICK_SIZES, 100, 1) if options.quick else (SIZES, 500, 5)
    async with AsyncExitStack() as stack:
        running: dict[int, Rooms] = {}
        for size in sizes:
            running[size] = await stack.enter_async_context(rooms(size))
            await running[size].fill()
            say(f"{size:,} tracks: each has a frame and a caption")
        memory = {size: each.memory() / size / KIB for size, each in running.items()}
        runs = {f"{size:,} tracks": partial(_measured, each, frames) for size, each in running.items()}
        found = await interleaved(runs, repetitions, warm_up=True)
    by_size = dict(zip(sizes, found.values(), strict=True))
    return [_row(by_size, memory, frames)]


async def _measured(running: Rooms, frames: int) -> Measured:
    await running.refresh()
    before, server = running.cpu_seconds(), running.server_cpu_seconds()
    latencies = await running.frames(frames)
    return Measured(
        cpu=1000 * (running.cpu_seconds() - before) / frames,
        server=1000 * (running.server_cpu_seconds() - server) / frames,
        latency=1000 * statistics.median(latencies),
    )


def _row(found: dict[int, list[Measured]], memory: dict[int, float], frames: int) -> Row:
    cpu, server, latency = (_parts(found, part) for part in Measured._fields)
    notes = (
        f"{frames:,} frames of {PICTURE_BYTES / KIB:.0f} KiB a run, {AT_ONCE} at once, of one track after "
        "another; CPU time of nats-server, source and replica from the frame to the caption at a "
        "subscriber, by a worker that does nothing. Memory of nats-server with a frame and a caption of each "
        "track; where there are few its own ups and downs are larger than that."
    )
    figures = [
        _flat("CPU time of a frame, source to caption", cpu, "ms"),
        _flat("of it, the server's", server, "ms", detail=True),
        _flat("source publishes → caption, p50", latency, "ms", detail=True),
        _flat(
            "memory of the server a track",
            {size: Spread.of([each]) for size, each in memory.items() if size >= LARGE},
            "KiB",
        ),
    ]
    return Row(number=10, title="as rooms grow", figures=figures, notes=notes, curves=[_curve(cpu, latency)])


def _flat(name: str, of: dict[int, Spread], unit: str, detail: bool = False) -> Figure:
    """The figure of the largest system beside those of the others; it must keep to the smallest."""
    few, many = min(of), max(of)
    about = (
        {}
        if detail
        else {"aim": f"within {FLAT - 1:.0%} of {few:,} tracks", "met": _is_flat(of[many], of[few])}
    )
    others = {f"{size:,} tracks": each for size, each in of.items() if size != many}
    return Figure(
        name=f"{name}, {many:,} tracks", ours=of[many], baselines=others, unit=unit, detail=detail, **about
    )


def _is_flat(many: Spread, few: Spread) -> bool:
    return many.over(few).median <= FLAT


def _parts(found: dict[int, list[Measured]], part: str) -> dict[int, Spread]:
    return {size: Spread.of(getattr(each, part) for each in runs) for size, runs in found.items()}


def _curve(cpu: dict[int, Spread], latency: dict[int, Spread]) -> Curve:
    lines = {
        "CPU time": {float(size): each for size, each in cpu.items()},
        "source publishes → caption": {float(size): each for size, each in latency.items()},
    }
    return Curve(title="one frame, ms", x="tracks", lines=lines, logarithmic=True)


if __name__ == "__main__":
    main("growth", measure, __doc__)
