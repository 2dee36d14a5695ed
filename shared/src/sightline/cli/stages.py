"""``sightline workers`` and ``sightline run``: what is installed, and a replica of it."""

from __future__ import annotations

from importlib.metadata import EntryPoint
from typing import Any

from sightline.cli.output import emit, printable, table
from sightline.errors import SettingsError
from sightline.plugins import load_worker, worker_from_file, workers
from sightline.service import run_worker
from sightline.worker import VisionWorker


def list_workers(as_json: bool) -> None:
    """Print the installed workers; one that does not load is listed with the reason."""
    found = [_describe(entry) for entry in workers().values()]
    if as_json:
        for each in found:
            emit(each)
    else:
        columns = ("stage", "class", "package", "version", "about")
        table(columns, ([each[column] for column in columns] for each in found))


def run_stage(stage: str, file: str | None) -> None:
    """Run one replica until told to stop; the whole life of this process.

    Args:
        stage: Its name: an installed worker's, unless ``file`` is given.
        file: A class in a file, ``file.py:Class``.

    Raises:
        SettingsError: There is no such worker, file or class.
    """
    run_worker(stage, worker_from_file(file) if file else None)


def _describe(entry: EntryPoint) -> dict[str, Any]:
    about: dict[str, Any] = {
        "stage": entry.name,
        "class": entry.value,
        "package": entry.dist.name if entry.dist else "",
        "version": entry.dist.version if entry.dist else "",
    }
    try:
        worker = load_worker(entry.name)
    except SettingsError as error:
        return about | {"about": printable(str(error)), "answers": False, "loads": False}
    lines = (worker.__doc__ or "").strip().splitlines() or [""]
    return about | {"about": lines[0], "answers": worker.ask is not VisionWorker.ask, "loads": True}
