"""Runs in turns: what disturbs the machine for a while disturbs all that is compared."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeVar

from harness.progress import say

T = TypeVar("T")


async def interleaved(
    runs: Mapping[str, Callable[[], Awaitable[T]]],
    repetitions: int,
    progress: Callable[[str], None] = say,
    warm_up: bool = False,
) -> dict[str, list[T]]:
    """Run each once a repetition, in an order that begins one further each time: A B C, B C A, C A B.

    Args:
        runs: Name -> what runs it once, from its start to its end, and returns what it found.
        repetitions: How many times.
        progress: Is told what runs next, and what it took.
        warm_up: Run all once before, and forget what they found.

    Returns:
        Name -> what it found, in the order of the repetitions.
    """
    names = list(runs)
    found: dict[str, list[T]] = {name: [] for name in names}
    if warm_up:
        for name in names:
            progress(f"warm-up  {name}")
            await runs[name]()
    for repetition in range(repetitions):
        first = repetition % len(names)
        for name in names[first:] + names[:first]:
            began = time.monotonic()
            found[name].append(await runs[name]())
            progress(f"{repetition + 1}/{repetitions}  {name}  {time.monotonic() - began:.1f} s")
    return found
