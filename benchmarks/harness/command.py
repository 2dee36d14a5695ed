"""The command line of every benchmark."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from harness.figures import Row
from harness.machine import describe_machine
from harness.plot import plot
from harness.progress import say
from harness.result import QUICK, RESULTS, Result
from harness.table import show


@dataclass(frozen=True, slots=True)
class Options:
    """How to measure.

    Attributes:
        quick: In seconds rather than minutes: fewer repetitions, smaller sizes, the same figures.
        gate: Quick, and only what the gates of the figures need.
    """

    quick: bool = False
    gate: bool = False


def main(
    name: str,
    measure: Callable[[Options], Awaitable[list[Row]]],
    description: str | None = None,
    arguments: Sequence[str] | None = None,
) -> None:
    """Read the command line, measure, and leave table, JSON and plot; ends the process where a gate fails.

    Args:
        name: Of the script, without its ending.
        measure: Returns the rows that it measured.
        description: For ``--help``: the docstring of the script.
        arguments: The command line; None takes the process's own.
    """
    asked = _parser(description).parse_args(arguments)
    options = Options(quick=asked.quick or asked.gate, gate=asked.gate)
    path = asked.json or (QUICK if options.quick else RESULTS) / f"{name}.json"
    command = asked.part_of or " ".join([f"python benchmarks/{name}.py", *(arguments or sys.argv[1:])])
    machine, at, began = describe_machine(), datetime.now(UTC), time.monotonic()
    with contextlib.redirect_stdout(sys.stderr):  # where logs go; the table is alone on stdout
        rows = asyncio.run(_measure(measure, options))
    seconds = round(time.monotonic() - began, 1)
    result = Result(
        name=name, command=command, quick=options.quick, began=at, seconds=seconds, machine=machine, rows=rows
    )
    result.write(path)
    plot(rows, path.with_suffix(".png"))
    show(rows)
    say(f"{name}: {seconds} s; {path} and {path.with_suffix('.png').name}")
    if options.gate:
        _gate(result)


def _gate(result: Result) -> None:
    """
    Raises:
        SystemExit: A gate is not passed, or there is none to pass.
    """
    if not any(figure.gates for row in result.rows for figure in row.figures):
        sys.exit(f"{result.name}: expected a figure with a gate, found none")
    if result.failures:
        sys.exit("\n".join(result.failures))


async def _measure(measure: Callable[[Options], Awaitable[list[Row]]], options: Options) -> list[Row]:
    return await measure(options)


def _parser(description: str | None) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--quick", action="store_true", help="in seconds: to see that it works; figures are rough")
    add("--gate", action="store_true", help="quick; exit with 1 where a ratio is far below what it was")
    add(
        "--json",
        type=Path,
        metavar="FILE",
        help="where the result goes, a plot (.png) beside it (benchmarks/results, quick ones in quick)",
    )
    add("--part-of", metavar="COMMAND", help=argparse.SUPPRESS)
    return parser
