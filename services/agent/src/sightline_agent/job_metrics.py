"""The metrics of a worker whose jobs are processes of their own.

Each job's process writes its numbers to files in a directory of the worker's, which the worker's `/metrics`
adds up: that is prometheus_client's multiprocess mode. It keeps two files for each process that ever was, so
those of processes that are over are put together, and what they say of their moment is thrown away.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path

from prometheus_client.mmap_dict import MmapedDict

from sightline.log import get_logger
from sightline_agent.settings import WorkerSettings

log = get_logger()

ENDED = "ended"
EVERY = 30.0
"""Seconds."""


class JobMetrics:
    """Where the processes of jobs write their numbers, from now until ``close``.

    Args:
        settings: Without a port for metrics, or with jobs in threads, there is nothing to do.
    """

    def __init__(self, settings: WorkerSettings) -> None:
        self.directory = ""
        if settings.metrics_port and settings.executor == "process":
            self.directory = tempfile.mkdtemp(prefix="sightline-agent-metrics-")

    async def run(self) -> None:
        """Keep it small, for ever."""
        while self.directory:
            await asyncio.sleep(EVERY)
            try:
                await asyncio.to_thread(compact, Path(self.directory))
            except OSError as error:
                log.warning("metrics_not_compacted", reason=str(error))

    def close(self) -> None:
        """Remove it."""
        if self.directory:
            shutil.rmtree(self.directory, ignore_errors=True)


def compact(directory: Path) -> None:
    """Put together what the processes left behind that are over."""
    for kind in ("counter", "histogram", "summary"):
        over = [file for file in directory.glob(f"{kind}_*.db") if _is_over(file)]
        if over:
            _merge(over, directory / f"{kind}_{ENDED}.db")
    for gauge in directory.glob("gauge_*.db"):
        if _is_over(gauge):
            gauge.unlink()


def _merge(over: list[Path], total: Path) -> None:
    values: defaultdict[str, float] = defaultdict(float)
    for file in [*over, *([total] if total.exists() else [])]:
        for key, value in _values(file):
            values[key] += value
    made = total.with_suffix(".new")
    _write(made, values)
    # A scrape that finds files gone as it reads them fails, and the next one is right. Side by side with
    # their sum it would read them twice.
    for file in over:
        file.unlink()
    made.replace(total)


def _is_over(file: Path) -> bool:
    process = file.stem.rpartition("_")[2]
    if not process.isdigit():
        return False
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        pass  # it is there, and somebody else's
    return False


def _values(file: Path) -> Iterable[tuple[str, float]]:
    for key, value, *_ in MmapedDict.read_all_values_from_file(str(file)):  # type: ignore[no-untyped-call]
        yield key, value


def _write(file: Path, values: Mapping[str, float]) -> None:
    file.unlink(missing_ok=True)
    made = MmapedDict(str(file))  # type: ignore[no-untyped-call]
    for key, value in values.items():
        made.write_value(key, value, 0.0)  # type: ignore[no-untyped-call]
    made.close()  # type: ignore[no-untyped-call]
