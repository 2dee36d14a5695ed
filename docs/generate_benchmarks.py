"""Writes the newest figures: the table in README.md, and benchmarks/results/README.md with all of them.

Both come from benchmarks/results/*.json, which `make bench` writes. ``--check`` only compares.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from generated import ROOT, between, write_or_check

sys.path.insert(0, str(ROOT / "benchmarks"))

from harness import Result
from harness.result import RESULTS
from harness.table import markdown

README = ROOT / "README.md"
PAGE = RESULTS / "README.md"

ABOUT = """\
# Results

All figures of the newest runs, with their notes and plots; the most important ones are in the
[README](../../README.md), and what each row measures is in [benchmarks](../README.md). Written by
`docs/generate_benchmarks.py` from the JSON files beside it. Medians over the repetitions, with the lowest
and the highest; ratios are those of each repetition.
"""


def documents() -> dict[Path, str]:
    """README.md with its table, and the page of all results."""
    results = [Result.read(path) for path in sorted(RESULTS.glob("*.json"))]
    rows = [row for result in results for row in result.rows]
    table = f"{markdown(rows)}\n\n{made_by(results)}"
    readme = README.read_text(encoding="utf-8")
    return {README: between(readme, "benchmarks", table), PAGE: page(results)}


def made_by(results: Sequence[Result]) -> str:
    """Which command made which rows, on which machine: one sentence for each run."""
    runs: dict[str, list[Result]] = {}
    for result in results:
        runs.setdefault(_run(result), []).append(result)
    if len(runs) == 1:
        return f"Made by {next(iter(runs))}."
    return " ".join(
        f"Row{'s' * (len(numbers) > 1)} {', '.join(map(str, numbers))}: {run}."
        for run, made in runs.items()
        for numbers in [sorted(row.number for result in made for row in result.rows)]
    )


def _run(result: Result) -> str:
    machine = result.machine
    return (
        f"`{result.command}` on {result.began:%Y-%m-%d}: {machine.cpu}, {machine.cores} cores, "
        f"{machine.memory_gib:g} GiB, Linux {machine.kernel}, Python {machine.python}, "
        f"nats-server {machine.nats_server}, livekit-server {machine.livekit_server}"
    )


def page(results: Sequence[Result]) -> str:
    """All results, in the order of their rows."""
    ordered = sorted(results, key=lambda result: min(row.number for row in result.rows))
    return "\n".join([ABOUT, *(_section(result) for result in ordered)])


def _section(result: Result) -> str:
    titles = "; ".join(f"{row.number}. {row.title}" for row in result.rows)
    about = f"{result.seconds:.0f} s by {_run(result)}; load before it {result.machine.load:g}."
    notes = "\n\n".join(f"{row.number}. {row.notes}" for row in result.rows if row.notes)
    table = markdown(result.rows, details=True)
    return f"## {titles}\n\n{about}\n\n{table}\n\n{notes}\n\n![plot]({result.name}.png)\n"


if __name__ == "__main__":
    write_or_check(__doc__, documents)
