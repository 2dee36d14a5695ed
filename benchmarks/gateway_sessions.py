"""Many sessions of the gateway at once, each with a camera and questions; what they cost, and what is lost.

Everything is real: ``python -m sightline_gateway``, NATS, captioner and encoder as processes, clients in
processes of their own over WebSockets, and model endpoints over HTTP that take a fixed time. Each picture
tells whose it is, and each reply whose question it answers: a reply that is lost or somebody else's, a
frame that is refused or not answered, and a turn that was shown another client's camera fail the
benchmark. Takes about two minutes. Progress and a table on stderr, one JSON object on stdout::

    python benchmarks/gateway_sessions.py [--sessions 200] [--seconds 60] [--turns 3] [--rounds 1]
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import platform
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from sightline import subjects
from sightline.messages import TurnRecord
from support.gateway_crowd import Crowd, CrowdProcess, crowd
from support.gateway_load import Verdict, judged
from support.load_system import Cost, LoadSystem, load_system
from support.visitor import Outcome, Visit

MIB = 1024 * 1024
SETTLE_SECONDS = 5.0
"""Until a gateway that does nothing is measured."""

Costs = dict[str, Cost]


@dataclass(frozen=True, slots=True)
class Round:
    """What the processes had cost at each step, from the first client's coming to the last one's going.

    Attributes:
        peak: The most memory that the gateway had.
        seconds: From ``idle`` to ``active``.
    """

    before: Costs
    connected: Costs
    idle: Costs
    active: Costs
    after: Costs
    peak: int
    seconds: float
    outcomes: list[Outcome]


async def main() -> int:
    arguments = _arguments()
    turns: list[TurnRecord] = []

    async def keep(record: TurnRecord) -> None:
        turns.append(record)

    most = str(arguments.sessions)
    # The gateway's log is shown as it ends.
    with contextlib.redirect_stdout(sys.stderr):
        async with load_system(
            arguments.model_latency, arguments.caption_latency, GATEWAY_MAX_SESSIONS=most
        ) as system:
            stop = await system.bus.serve(f"{subjects.ROOT}.turns.*", TurnRecord, keep)
            rounds = [await measure(system, arguments, each) for each in range(arguments.rounds)]
            await stop()
    verdict = judged([each for round in rounds for each in round.outcomes], system.answerer.answered)
    report(arguments, costs(rounds, arguments) | figures(verdict, turns, rounds))
    for problem in verdict.problems:
        say(f"FAILED: {problem}")
    return 1 if verdict.problems else 0


async def measure(system: LoadSystem, arguments: argparse.Namespace, number: int) -> Round:
    """Let the clients come, visit and go, and look at the processes before, meanwhile and after."""
    clients, loop = arguments.sessions, asyncio.get_running_loop()
    say(f"painting {clients * arguments.scenes} pictures")
    async with crowds(arguments, system.url, number) as all_crowds:
        await asyncio.sleep(SETTLE_SECONDS)
        before = system.costs()
        say(f"connecting {clients} clients")
        await asyncio.gather(*(each.does("connect") for each in all_crowds))
        connected = system.costs()
        await asyncio.sleep(SETTLE_SECONDS)
        idle, began = system.costs(), loop.time()
        say(f"{clients} clients: {arguments.fps:g} frames a second each, {arguments.turns} questions each")
        watching = asyncio.create_task(_peak(system))
        await asyncio.gather(*(each.visits() for each in all_crowds))
        active, seconds = system.costs(), loop.time() - began
        watching.cancel()
        (peak,) = await asyncio.gather(watching)
        say("leaving")
        await asyncio.gather(*(each.does("leave") for each in all_crowds))
        outcomes = [outcome for each in all_crowds for outcome in each.outcomes]
    await system.empty()
    await asyncio.sleep(SETTLE_SECONDS)
    return Round(before, connected, idle, active, system.costs(), peak, seconds, outcomes)


@asynccontextmanager
async def crowds(arguments: argparse.Namespace, url: str, number: int) -> AsyncIterator[list[CrowdProcess]]:
    """The clients of one round, shared by some processes; with their pictures, and not connected."""
    visit = Visit(arguments.seconds, arguments.fps, arguments.turns, arguments.still)
    sessions, processes = arguments.sessions, arguments.processes
    bounds = [number * sessions + sessions * index // processes for index in range(processes + 1)]
    plans = [Crowd(url, first, end - first, arguments.scenes, visit) for first, end in pairwise(bounds)]
    async with AsyncExitStack() as stack:
        yield list(await asyncio.gather(*(stack.enter_async_context(crowd(plan)) for plan in plans)))


def costs(rounds: list[Round], arguments: argparse.Namespace) -> dict[str, Any]:
    """Memory in MiB of each round, and of one session in KiB; and how many cores each process kept busy."""
    first = rounds[0]
    before = first.before["gateway"].memory

    def a_session(memory: int) -> float:
        return round((memory - before) / arguments.sessions / 1024, 1)

    return {
        "gateway_mib": [
            {
                "before": _mib(each.before["gateway"].memory),
                "idle": _mib(each.idle["gateway"].memory),
                "most": _mib(each.peak),
                "after": _mib(each.after["gateway"].memory),
            }
            for each in rounds
        ],
        "kib_a_session": {"idle": a_session(first.idle["gateway"].memory), "most": a_session(first.peak)},
        "cores": {
            "idle gateway": _cores(first.connected, first.idle, "gateway", SETTLE_SECONDS),
            **{name: _cores(first.idle, first.active, name, first.seconds) for name in first.active},
        },
    }


def figures(verdict: Verdict, turns: list[TurnRecord], rounds: list[Round]) -> dict[str, Any]:
    """What the clients saw, and what their turns were shown. Times in milliseconds, ages in seconds."""
    ages = {
        kind: [
            min(each) for turn in turns if (each := [seen.age for seen in turn.shown if seen.kind == kind])
        ]
        for kind in ("caption", "image")
    }
    return {
        "frames": verdict.frames,
        "frames_a_second": round(verdict.frames / sum(each.seconds for each in rounds), 1),
        "frame_answered_ms": _spread(verdict.answered, 1000),
        "turns": len(verdict.asked),
        "first_text_ms": _spread([each.first_text for each in verdict.asked if each.first_text], 1000),
        "complete_ms": _spread([each.complete for each in verdict.asked if each.complete], 1000),
        "turns_recorded": len(turns),
        "share_of_turns": {kind: round(len(each) / max(1, len(turns)), 3) for kind, each in ages.items()},
        "caption_age_s": _spread(ages["caption"], 1),
        "image_age_s": _spread(ages["image"], 1),
        "problems": len(verdict.problems),
    }


def report(arguments: argparse.Namespace, found: dict[str, Any]) -> None:
    """A line for each figure on stderr, all of them on stdout."""
    machine = {"cores": os.cpu_count(), "system": platform.platform(), "python": platform.python_version()}
    for name, value in found.items():
        for each in value if isinstance(value, list) else [value]:
            line = "  ".join(f"{key} {one}" for key, one in each.items()) if isinstance(each, dict) else each
            say(f"{name:18} {line}")
    print(json.dumps({"machine": machine, "run": vars(arguments), **found}, indent=2))


async def _peak(system: LoadSystem) -> int:
    """The most memory that the gateway had, until cancelled."""
    most = 0
    try:
        while True:
            most = max(most, system.costs()["gateway"].memory)
            await asyncio.sleep(1)
    except asyncio.CancelledError:
        return most


def _cores(before: Costs, after: Costs, name: str, seconds: float) -> float:
    return round((after[name].cpu - before[name].cpu) / seconds, 2)


def _spread(values: list[float], factor: float) -> dict[str, float]:
    """Median, 99th percentile and most."""
    if not values:
        return {}
    ordered = sorted(values)
    at = {"p50": len(ordered) // 2, "p99": min(len(ordered) * 99 // 100, len(ordered) - 1), "most": -1}
    return {name: round(ordered[index] * factor, 2) for name, index in at.items()}


def _mib(size: int) -> float:
    return round(size / MIB, 1)


def say(line: str) -> None:
    sys.stderr.write(f"{line}\n")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    add = parser.add_argument
    add("--sessions", type=int, default=200, help="clients at once (200)")
    add("--seconds", type=float, default=60, help="that they show their cameras for (60)")
    add("--fps", type=float, default=1.0, help="frames a second of each (1)")
    add("--turns", type=int, default=3, help="questions of each (3)")
    add("--rounds", type=int, default=1, help="how often clients come, visit and go (1)")
    add("--still", type=int, default=5, help="frames until a camera sees something else (5)")
    add("--scenes", type=int, default=3, help="that a camera sees, in turns (3)")
    add("--processes", type=int, default=2, help="processes of clients (2)")
    add("--model-latency", type=float, default=0.2, help="seconds the language model takes (0.2)")
    add("--caption-latency", type=float, default=0.2, help="seconds one caption takes (0.2)")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
