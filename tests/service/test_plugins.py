"""Workers, found by entry points or in a file; what is wrong with one is said in a sentence."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from sightline.errors import SettingsError
from sightline.plugins import load_worker, worker_from_file, workers
from sightline.worker import VisionWorker

WORKER = """
from sightline import Caption, Frame, VisionWorker

class PlateReader(VisionWorker):
    async def process(self, frame: Frame) -> Caption | None:
        return Caption(text="a plate")
"""
UNFINISHED = """
from sightline import VisionWorker

class Unfinished(VisionWorker):
    pass
"""


@pytest.fixture(autouse=True)
def _modules_and_paths_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(sys, "modules", dict(sys.modules))


def written(folder: Path, text: str, name: str = "plates.py") -> str:
    (folder / name).write_text(text)
    return str(folder / name)


def package(folder: Path, name: str, text: str, entry: str) -> None:
    """Install a package of one module, as far as entry points are concerned."""
    (folder / f"{name}.py").write_text(text)
    info = folder / f"{name}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[sightline.workers]\n{entry}\n")
    sys.path.insert(0, str(folder))


def test_the_workers_of_installed_packages_are_found() -> None:
    assert {"captioner", "encoder"} <= workers().keys()
    assert issubclass(load_worker("encoder"), VisionWorker)


def test_a_worker_of_another_package_is_found_and_loaded_like_ours(tmp_path: Path) -> None:
    package(tmp_path, "theirs", WORKER, "plates = theirs:PlateReader")
    assert load_worker("plates").__name__ == "PlateReader"


def test_an_unknown_stage_is_told_what_there_is() -> None:
    with pytest.raises(
        SettingsError, match=r"no worker is named 'plates'; installed are: .*captioner.*encoder"
    ):
        load_worker("plates")


@pytest.mark.parametrize(
    ("text", "entry", "said"),
    [
        ("import nowhere", "plates = theirs:PlateReader", "ModuleNotFoundError: No module named 'nowhere'"),
        (WORKER, "plates = theirs:Elsewhere", "Elsewhere"),
        ("1 / 0", "plates = theirs:PlateReader", "ZeroDivisionError"),
        ("def (", "plates = theirs:PlateReader", "SyntaxError"),
        ("PlateReader = 3", "plates = theirs:PlateReader", r"expected a subclass of .*VisionWorker, found 3"),
        (UNFINISHED, "plates = theirs:Unfinished", "Unfinished lacks process"),
    ],
)
def test_a_worker_that_cannot_be_loaded_says_which_and_why(
    tmp_path: Path, text: str, entry: str, said: str
) -> None:
    package(tmp_path, "theirs", text, entry)
    with pytest.raises(SettingsError, match=said) as refused:
        load_worker("plates")
    assert "theirs:" in str(refused.value)


def test_two_packages_that_claim_one_stage_are_both_named(tmp_path: Path) -> None:
    package(tmp_path, "theirs", WORKER, "plates = theirs:PlateReader")
    package(tmp_path, "others", WORKER, "plates = others:PlateReader")
    with pytest.raises(SettingsError, match=r"'plates'.*others:PlateReader.*theirs:PlateReader"):
        load_worker("plates")


def test_a_worker_in_a_file_is_loaded_by_its_name_or_without_where_it_is_the_only_one(tmp_path: Path) -> None:
    path = written(tmp_path, WORKER)
    for reference in (path, f"{path}:PlateReader"):
        assert worker_from_file(reference).__name__ == "PlateReader"


def test_a_file_imports_what_lies_beside_it(tmp_path: Path) -> None:
    written(tmp_path, "NAME = 'a plate'", "beside_the_worker.py")
    path = written(tmp_path, "from beside_the_worker import NAME\n" + WORKER)
    assert worker_from_file(path)


def test_a_file_may_be_called_like_a_module_of_python(tmp_path: Path) -> None:
    path = written(tmp_path, WORKER, "json.py")
    assert worker_from_file(path).__name__ == "PlateReader"
    assert sys.modules["json"] is json


@pytest.mark.parametrize(
    ("text", "suffix", "said"),
    [
        (
            WORKER + WORKER.replace("PlateReader", "Other"),
            "",
            r"found PlateReader, Other: say .*plates\.py:Class",
        ),
        ("x = 1", "", "found none"),
        (WORKER, ":Missing", r"Missing: expected a subclass of sightline\.VisionWorker, found None"),
        ("import nowhere", "", "plates.py cannot be loaded: ModuleNotFoundError: No module named 'nowhere'"),
        ("import sys; sys.exit('usage: ...')", "", "SystemExit: usage"),
        (UNFINISHED, "", "Unfinished lacks process"),
    ],
)
def test_a_file_without_a_usable_worker_says_what_it_has(
    tmp_path: Path, text: str, suffix: str, said: str
) -> None:
    path = written(tmp_path, text)
    with pytest.raises(SettingsError, match=said):
        worker_from_file(path + suffix)


@pytest.mark.parametrize("reference", ["/nowhere/plates.py", "/nowhere/plates.py:PlateReader", "/", "", ":X"])
def test_what_is_no_file_is_said_to_be_none(reference: str) -> None:
    with pytest.raises(SettingsError, match=r"expected a Python file as in `worker\.py:Class`"):
        worker_from_file(reference)
