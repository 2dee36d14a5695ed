"""Vision workers, found by their entry points. The built-in ones have no other way in."""

from __future__ import annotations

import importlib.util
import inspect
import sys
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

from sightline.errors import SettingsError
from sightline.worker import VisionWorker

GROUP = "sightline.workers"


def workers() -> dict[str, EntryPoint]:
    """Stage name -> entry point of its worker, of every installed package. Nothing is imported yet."""
    return {entry.name: entry for entry in sorted(entry_points(group=GROUP))}


def load_worker(stage: str) -> type[VisionWorker]:
    """The worker class of a stage.

    Raises:
        SettingsError: No installed package has it, it cannot be imported, or it is no VisionWorker.
    """
    found = workers()
    if stage not in found:
        raise SettingsError(
            f"no worker is named {stage!r}; installed are: {', '.join(found) or 'none'}. "
            f"A package adds one with an entry point in the group {GROUP!r}"
        )
    # An editable package can be listed twice, with the same value.
    claims = sorted({entry.value for entry in entry_points(group=GROUP, name=stage)})
    if len(claims) > 1:
        raise SettingsError(
            f"several packages have a worker named {stage!r}: {', '.join(claims)}; remove one"
        )
    try:
        loaded = found[stage].load()
    except Exception as error:
        raise SettingsError(
            f"worker {stage!r} ({found[stage].value}) cannot be loaded: {type(error).__name__}: {error}"
        ) from error
    return _checked(loaded, found[stage].value)


def worker_from_file(reference: str) -> type[VisionWorker]:
    """The worker class in ``path/to/file.py:Class``; ``:Class`` may be left out where there is but one.

    Raises:
        SettingsError: There is no such file or class, or several.
    """
    path_text, _, name = reference.partition(":")
    path = Path(path_text).resolve()
    # A name that cannot be another module's: a file may be called `json.py`.
    spec = importlib.util.spec_from_file_location(f"sightline_worker_{path.stem}", path)
    if not path.is_file() or spec is None or spec.loader is None:
        raise SettingsError(f"expected a Python file as in `worker.py:Class`, got {reference!r}")
    module = importlib.util.module_from_spec(spec)
    # Like a script: the folder's other modules can be imported, and dataclasses find their module.
    sys.path.insert(0, str(path.parent))
    sys.modules[spec.name] = module
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[spec.name]
        raise SettingsError(f"{path_text} cannot be loaded: {type(error).__name__}: {error}") from error
    if name:
        return _checked(getattr(module, name, None), reference)
    own = [found for found in vars(module).values() if _is_worker(found) and found.__module__ == spec.name]
    if len(own) != 1:
        names = ", ".join(found.__name__ for found in own) or "none"
        raise SettingsError(f"expected one VisionWorker in {path_text}, found {names}: say {path_text}:Class")
    return _checked(own[0], reference)


def _is_worker(found: object) -> bool:
    return isinstance(found, type) and issubclass(found, VisionWorker) and found is not VisionWorker


def _checked(found: object, where: str) -> type[VisionWorker]:
    if not isinstance(found, type) or not issubclass(found, VisionWorker):
        raise SettingsError(f"{where}: expected a subclass of sightline.VisionWorker, found {found!r}")
    if inspect.isabstract(found):
        missing = ", ".join(sorted(found.__abstractmethods__))
        raise SettingsError(f"{where}: {found.__name__} lacks {missing}")
    return found
