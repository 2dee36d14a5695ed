"""Progress, on stderr: stdout is the table's."""

from __future__ import annotations

import sys


def say(line: str) -> None:
    """One line for whoever waits."""
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()
