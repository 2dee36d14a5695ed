"""Runs the benchmarks one after another, each in a process of its own, and prints one table of all rows.

    python benchmarks/run.py [--quick] [NAME …]      # make bench, make bench-quick
    python benchmarks/run.py --gate                  # only ratios that hold on any machine

Each leaves benchmarks/results/NAME.json and a plot beside it; quick ones go to benchmarks/results/quick.
Exits with 1 where one of them did not end well, after all others ran; an aim that was missed is shown
as missed, and is no failure. --gate runs those whose ratios do not depend on the machine, and fails
where one is far below what was measured.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

from harness import Result, say
from harness.result import QUICK, RESULTS
from harness.table import show

HERE = Path(__file__).parent
APART = ("run", "gateway_sessions", "moondream_client", "soak")
"""Not among the rows: benchmarks/README.md tells how to run them."""

GATED = ("encoding", "scale_out", "turns")
"""Those with figures that have gates."""

SECONDS, QUICK_SECONDS = 900, 180
"""After that a benchmark hangs."""


def names() -> list[str]:
    """The benchmarks that make rows: the files of this folder, without those of helpers."""
    return sorted(each.stem for each in HERE.glob("[a-z]*.py") if each.stem not in APART)


def run(name: str, asked: argparse.Namespace) -> Result | None:
    """Run one of them.

    Returns:
        What it found, or None where it did not end well; its stderr has told why.
    """
    quick = asked.quick or asked.gate
    path = (QUICK if quick else RESULTS) / f"{name}.json"
    how = "--gate" if asked.gate else "--quick" if quick else ""
    command = [sys.executable, str(HERE / f"{name}.py"), *([how] if how else []), "--json", str(path)]
    say(f"== {name} {how}".rstrip())
    began = time.time()
    try:
        # Its own table is part of the one at the end.
        done = subprocess.run(
            [*command, "--part-of", _made_by(asked)],
            stdout=subprocess.DEVNULL,
            timeout=QUICK_SECONDS if quick else SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as late:
        say(f"== {name}: FAILED: expected an end within {late.timeout:.0f} s")
        return None
    if done.returncode:
        say(f"== {name}: FAILED: ended with {done.returncode}")
        return None
    say(f"== {name}: {time.time() - began:.0f} s")
    return Result.read(path)


def main() -> None:
    asked = _arguments()
    began, load, cores = time.time(), os.getloadavg()[0], os.cpu_count() or 1
    if load > cores / 2:
        say(f"this machine is busy (load {load:.1f} on {cores} cores): figures will be worse than they are")
    wanted = asked.names or (list(GATED) if asked.gate else names())
    found = {name: run(name, asked) for name in wanted}
    show([row for result in found.values() if result for row in result.rows])
    say(f"{_made_by(asked)}: {time.time() - began:.0f} s")
    if failed := [name for name, result in found.items() if result is None]:
        sys.exit(f"failed: {', '.join(failed)}")


def _made_by(asked: argparse.Namespace) -> str:
    if asked.gate:
        return "python benchmarks/run.py --gate"
    target = "make bench-quick" if asked.quick else "make bench"
    return f"{target} ARGS='{' '.join(asked.names)}'" if asked.names else target


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("names", nargs="*", metavar="NAME", help=f"which of them: {', '.join(names())} (all)")
    add("--quick", action="store_true", help="in seconds rather than minutes; figures are rough")
    add("--gate", action="store_true", help="quick, and only ratios that hold on any machine; fails below")
    asked = parser.parse_args()
    if unknown := [name for name in asked.names if name not in names()]:
        parser.error(f"expected some of {', '.join(names())}, got {', '.join(unknown)}")
    return asked


if __name__ == "__main__":
    main()
