"""What all benchmarks share: figures with their spread, runs in turns, the table, the plot, the command.

A benchmark is one file of this folder that ends so::

    async def measure(options: Options) -> list[Row]: ...

    if __name__ == "__main__":
        main("turns", measure, __doc__)

It repeats what it compares with ``interleaved``, so that a machine that is busy for a while is as busy for
all of them; makes a ``Spread`` of each figure over the repetitions; and sets its own beside that of every
baseline in a ``Figure``. The ratio, the table, JSON, the plot and the exit code follow from that.

``tests`` is importable from here on: benchmarks start the same real servers as the tests do
(``from support.livekit_server import running_livekit``).
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))

from harness.command import Options, main
from harness.figures import Curve, Figure, Row, Spread, percentile
from harness.interleave import interleaved
from harness.machine import Machine, describe_machine
from harness.progress import say
from harness.result import Result

__all__ = [
    "Curve",
    "Figure",
    "Machine",
    "Options",
    "Result",
    "Row",
    "Spread",
    "describe_machine",
    "interleaved",
    "main",
    "percentile",
    "say",
]
