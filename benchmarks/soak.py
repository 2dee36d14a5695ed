"""Twenty rooms for half an hour: does any service keep what it should let go?

Everything is real: livekit-server, NATS, room-ingest, captioner, encoder, the agent's worker and the
gateway as processes; in each room a participant whose camera shows another scene every few seconds and
who asks something now and then, and clients of the gateway that do the same. The cameras are small and
slow (160 × 90, two pictures a second): what is looked for grows with time, not with pixels.

The memory of each process is read every few seconds; after a warm-up a line is fitted through it, whose
slope is to be below one megabyte a minute. A table on stderr, one JSON object on stdout; fails where a
slope is above that, or a question stayed without a reply for a minute::

    python benchmarks/soak.py [--minutes 30] [--rooms 20] [--clients 5]
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import platform
import sys
from pathlib import Path
from typing import Any

import numpy as np
import psutil

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from sightline.embedded import NatsServer, free_port
from support.livekit_server import LiveKitServer, find_livekit_server, running_livekit
from support.soaking import Forgetful, Lived, Talker, live, memory, visit
from support.system import AGENT, CAPTIONER, ENCODER, GATEWAY, INGEST, System, running_system

MEGABYTE = 1_000_000
AIM = 1.0
"""Megabytes a minute."""

SAMPLE_SECONDS = 5.0
STAGGER_SECONDS = 2.0
WARM_UP = 0.3
"""Part of the time after which memory should have settled."""

NATS, LIVEKIT = "nats-server", "livekit-server"

Samples = dict[str, list[tuple[float, int]]]


async def main() -> int:
    arguments = _arguments()
    lived = Lived()
    with running_livekit(find_livekit_server()) as livekit, contextlib.redirect_stdout(sys.stderr):
        async with NatsServer() as nats, Forgetful(0.1) as sees, Talker(0.1) as talks:
            # livekit-server's program is called `server` where `go install` made it.
            started = {each.name(): each for each in psutil.Process().children()}
            processes = {name if name == NATS else LIVEKIT: each for name, each in started.items()}
            async with running_system(nats.url, livekit) as system:
                port = free_port()
                processes |= await _start(system, sees, talks, port)
                samples = await _soak(livekit, port, processes, lived, arguments)
                # Before they are stopped: a service that does not stop in time costs no half hour.
                found = {name: _slope(points, arguments.minutes) for name, points in samples.items()}
                return _report(arguments, found, lived, sees.described)


async def _start(system: System, sees: Forgetful, talks: Talker, port: int) -> dict[str, psutil.Process]:
    answers = {"AGENT_LLM_BASE_URL": talks.url, "AGENT_LLM_MODEL": "test-model"}
    wanted: dict[str, tuple[tuple[str, ...], dict[str, str]]] = {
        "room-ingest": (INGEST, {}),
        "captioner": (CAPTIONER, {"MOONDREAM_ENDPOINT": sees.url}),
        "encoder": (ENCODER, {}),
        "agent": (AGENT, {**answers, "AGENT_EXECUTOR": "thread", "AGENT_MAX_JOBS": "1000"}),
        "gateway": (GATEWAY, {**answers, "GATEWAY_PORT": str(port)}),
    }
    return {
        name: psutil.Process((await system.start(module, **settings)).pid)
        for name, (module, settings) in wanted.items()
    }


async def _soak(
    livekit: LiveKitServer,
    port: int,
    processes: dict[str, psutil.Process],
    lived: Lived,
    arguments: argparse.Namespace,
) -> Samples:
    samples: Samples = {name: [] for name in processes}
    loop = asyncio.get_running_loop()
    async with asyncio.TaskGroup() as group:
        lives = []
        for number in range(arguments.rooms):
            lives.append(
                group.create_task(live(livekit, f"room {number}", arguments.change, arguments.pause, lived))
            )
            await asyncio.sleep(STAGGER_SECONDS)
        lives += [
            group.create_task(visit(port, number, arguments.change, arguments.pause, lived))
            for number in range(arguments.clients)
        ]
        began = loop.time()
        while (elapsed := loop.time() - began) < arguments.minutes * 60:
            for name, process in processes.items():
                samples[name].append((elapsed / 60, memory(process)))
            await asyncio.sleep(SAMPLE_SECONDS)
        for each in lives:
            each.cancel()
    return samples


def _slope(points: list[tuple[float, int]], minutes: float) -> dict[str, Any]:
    """A line through what was measured after the warm-up, and what was measured in each minute."""
    settled = np.array([(at, size) for at, size in points if at >= WARM_UP * minutes])
    slope, _ = np.polyfit(settled[:, 0], settled[:, 1] / MEGABYTE, 1)
    each_minute = [
        round(float(np.mean([size for at, size in points if minute <= at < minute + 1])) / MEGABYTE, 1)
        for minute in range(int(points[-1][0]) + 1)
    ]
    return {
        "first_mb": round(points[0][1] / MEGABYTE, 1),
        "settled_mb": round(float(settled[0, 1]) / MEGABYTE, 1),
        "last_mb": round(float(settled[-1, 1]) / MEGABYTE, 1),
        "mb_a_minute": round(float(slope), 3),
        "mb_of_each_minute": each_minute,
    }


def _report(arguments: argparse.Namespace, found: dict[str, Any], lived: Lived, captions: int) -> int:
    sys.stderr.write(f"{'service':16}{'first MB':>10}{'settled':>10}{'last':>10}{'MB a minute':>14}\n")
    for name, each in found.items():
        columns = f"{each['first_mb']:10}{each['settled_mb']:10}{each['last_mb']:10}{each['mb_a_minute']:14}"
        sys.stderr.write(f"{name:16}{columns}\n")
    sys.stderr.write(f"{captions} captions, {lived.asked} questions, {lived.answered} replies, ")
    sys.stderr.write(f"{lived.lost} lost\n")
    machine = {"cores": os.cpu_count(), "system": platform.platform(), "python": platform.python_version()}
    counted = {"captions": captions, "questions": lived.asked, "replies": lived.answered, "lost": lived.lost}
    result = {"machine": machine, "run": vars(arguments), **counted, "memory": found}
    sys.__stdout__.write(json.dumps(result, indent=2) + "\n")
    ours = [each for name, each in found.items() if name != LIVEKIT]
    return 1 if lived.lost or any(each["mb_a_minute"] >= AIM for each in ours) else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    add = parser.add_argument
    add("--minutes", type=float, default=30, help="that the rooms are lived in (30)")
    add("--rooms", type=int, default=20, help="of LiveKit, a camera in each (20)")
    add("--clients", type=int, default=5, help="of the gateway (5)")
    add("--change", type=float, default=6, help="seconds between two scenes of a camera (6)")
    add("--pause", type=float, default=20, help="seconds between two questions of one person (20)")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
