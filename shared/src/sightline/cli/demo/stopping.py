"""^C and SIGTERM end a demo in order, with its processes; the second one at once."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from contextlib import contextmanager

SAME_SECONDS = 1.0
"""A signal to a whole group of processes comes twice where one of them passes it on, as make does."""


@contextmanager
def stopped_by_signals() -> Iterator[asyncio.Event]:
    """An event that the first signal sets; a second one cancels the running task."""
    loop, task, stopping = asyncio.get_running_loop(), asyncio.current_task(), asyncio.Event()
    stopped_at = loop.time()

    def stop() -> None:
        nonlocal stopped_at
        if not stopping.is_set():
            stopped_at = loop.time()
            stopping.set()
        elif loop.time() >= stopped_at + SAME_SECONDS and task is not None:
            task.cancel()

    signals = (signal.SIGINT, signal.SIGTERM)
    for each in signals:
        loop.add_signal_handler(each, stop)
    try:
        yield stopping
    finally:
        for each in signals:
            loop.remove_signal_handler(each)
