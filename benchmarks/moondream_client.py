"""Moondream over HTTP: the captioner's own client against the ``moondream`` package's.

    uv run python benchmarks/moondream_client.py [--rounds 5] [--requests 40]

Both ask the same HTTPS server, a process of its own behind a network of 30 ms, for captions of the
same JPEG, in turns within one run. The package gets its picture encoded already, so that only the
clients are compared, and is used in each way that it can be used from asyncio: called straight, and
in threads. Requests a second, processor time, connections opened and the longest time that the event
loop stood still; at last, what each does when the server never answers.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, NamedTuple

import moondream
import numpy as np
import simplejpeg

from _moondream_server import server
from sightline.errors import DeadlineError
from sightline.messages import Frame, Track, Trigger
from sightline_captioner.backend import data_url
from sightline_captioner.moondream_http import Moondream
from sightline_captioner.settings import CaptionerSettings, MoondreamSettings

AT_ONCE = 8
DEADLINE = 1.0
PATIENCE = 3.0
"""Seconds that the package is given to notice a server that never answers."""

Call = Callable[[], Awaitable[Any]]


class Round(NamedTuple):
    """One round of one client; processor time is that of one request."""

    per_second: float
    cpu_ms: float
    connections: int
    stall_ms: float


async def main() -> None:
    arguments = _arguments()
    results: dict[str, list[Round]] = {}
    async with server(arguments.latency, arguments.rtt) as (url, stats), clients(url) as calls:
        for name, (call, _) in calls.items():
            await call()  # Warm: imports, certificates, the first connection.
            results[name] = []
        await stats()
        for _ in range(arguments.rounds):
            for name, (call, at_once) in calls.items():
                results[name].append(await measure(call, at_once, arguments.requests, stats))
        hang = await hanging(calls, stats)
    report(results, hang)


@asynccontextmanager
async def clients(url: str) -> AsyncIterator[dict[str, tuple[Call, int]]]:
    """Name -> one request, and how many at once."""
    one = frame()
    settings = CaptionerSettings(concurrency=AT_ONCE - 1, deadline=DEADLINE, length="short")
    own = Moondream(settings, MoondreamSettings(endpoint=url))
    await own.start()
    package = moondream.vl(endpoint=url)
    image = moondream.types.Base64EncodedImage(image_url=data_url(one))

    async def ours() -> Any:
        return await own.describe(one)

    async def straight() -> Any:
        return package.caption(image, "short")

    async def threaded() -> Any:
        return await asyncio.to_thread(package.caption, image, "short")

    try:
        yield {
            "own, one at a time": (ours, 1),
            "package, called straight": (straight, 1),
            f"own, {AT_ONCE} at once": (ours, AT_ONCE),
            f"package, {AT_ONCE} threads": (threaded, AT_ONCE),
        }
    finally:
        await own.close()


async def measure(call: Call, at_once: int, requests: int, stats: Call) -> Round:
    """Let ``at_once`` tasks share the requests."""
    left = iter(range(requests))

    async def work() -> None:
        for _ in left:
            await call()

    stall = asyncio.create_task(longest_stall())
    await asyncio.sleep(0)
    began, cpu = time.perf_counter(), time.process_time()
    await asyncio.gather(*(work() for _ in range(at_once)))
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    await asyncio.sleep(0.002)
    stall.cancel()
    (worst,) = await asyncio.gather(stall)
    counted = await stats()
    assert counted["requests"] == requests
    return Round(requests / seconds, cpu / requests * 1000, counted["connections"], worst * 1000)


async def longest_stall() -> float:
    """The longest time, in seconds, that this loop was kept from a timer of 1 ms, until cancelled."""
    worst = 0.0
    try:
        while True:
            began = time.perf_counter()
            await asyncio.sleep(0.001)
            worst = max(worst, time.perf_counter() - began - 0.001)
    except asyncio.CancelledError:
        return worst


async def hanging(calls: dict[str, tuple[Call, int]], stats: Call) -> dict[str, str]:
    """What one request of each client does when the server takes it and never answers."""
    outcome = {}
    await stats("hang")
    for name, key in (("own, one at a time", "own"), (f"package, {AT_ONCE} threads", "package")):
        began = time.perf_counter()
        task = asyncio.ensure_future(calls[name][0]())
        done, _ = await asyncio.wait([task], timeout=PATIENCE)
        waited = time.perf_counter() - began
        if done and isinstance(task.exception(), DeadlineError):
            outcome[key] = f"DeadlineError after {waited:.1f} s"
        else:
            outcome[key] = f"{'ended' if done else 'still waiting'} after {waited:.1f} s"
            task.cancel()
    # The package's thread waits on; releasing the server is what ends it.
    await stats("release")
    return outcome


def report(results: dict[str, list[Round]], hang: dict[str, str]) -> None:
    rows = {name: median(rounds) for name, rounds in results.items()}
    first, straight, pooled, threads = rows.values()
    ratios = {
        "throughput, one at a time": first.per_second / straight.per_second,
        f"throughput, {AT_ONCE} at once": pooled.per_second / threads.per_second,
        "processor time, one at a time": first.cpu_ms / straight.cpu_ms,
        f"processor time, {AT_ONCE} at once": pooled.cpu_ms / threads.cpu_ms,
    }
    table = {name: row._asdict() for name, row in rows.items()}
    print(json.dumps({"clients": table, "own / package": ratios, "hang": hang}, indent=2))
    lines = [f"{'median of rounds':26}{'requests/s':>12}{'CPU ms':>9}{'stall ms':>10}{'connections':>18}"]
    for name, row in rows.items():
        lines.append(
            f"{name:26}{row.per_second:12.1f}{row.cpu_ms:9.2f}{row.stall_ms:10.1f}{row.connections:18.0f}"
        )
    lines.append("\nown / package: " + ", ".join(f"{name} {ratio:.2f}" for name, ratio in ratios.items()))
    lines.append(f"a server that never answers: own {hang['own']}; package {hang['package']}")
    sys.stderr.write("\n".join(lines) + "\n")


def median(rounds: list[Round]) -> Round:
    """The median of each number, and all connections that were opened."""
    middle = Round(*(statistics.median(column) for column in zip(*rounds, strict=True)))
    return middle._replace(connections=sum(each.connections for each in rounds))


def frame() -> Frame:
    """A 720p frame of some 50 KB."""
    noise = np.random.default_rng(1).integers(0, 40, (90, 160, 3), np.uint8)
    pixels = (
        np.kron(noise, np.ones((8, 8, 1), np.uint8)) + np.arange(1280, dtype=np.uint8)[None, :, None] // 8
    )
    track = Track(room="bench", participant="bench", id="TR_1")
    data = bytes(simplejpeg.encode_jpeg(np.ascontiguousarray(pixels), 80))
    return Frame(
        track=track,
        sequence=1,
        captured_at=datetime.now(UTC),
        trigger=Trigger.TIMER,
        width=1280,
        height=720,
        data=data,
    )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, help="rounds of each client (5)")
    parser.add_argument("--requests", type=int, default=40, help="requests in each round (40)")
    parser.add_argument("--latency", type=float, default=0.02, help="seconds the model takes (0.02)")
    parser.add_argument("--rtt", type=float, default=0.03, help="seconds of a round trip to it (0.03)")
    return parser.parse_args()


if __name__ == "__main__":
    asyncio.run(main())
