"""The table of settings is complete and up to date."""

from __future__ import annotations

import ast
import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "docs" / "generate_settings.py"


@pytest.fixture
def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate_settings", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def settings_classes() -> set[str]:
    """``module:class`` of every class in the source that extends ``Settings``."""
    found = set()
    for home in [ROOT / "shared" / "src", *(ROOT / "services").glob("*/src")]:
        for path in home.rglob("*.py"):
            module = ".".join(path.relative_to(home).with_suffix("").parts)
            found |= {
                f"{module}:{node.name}"
                for node in ast.walk(ast.parse(path.read_text()))
                if isinstance(node, ast.ClassDef)
                and any(ast.unparse(base).split(".")[-1].endswith("Settings") for base in node.bases)
                and node.name != "Settings"
            }
    return found


def test_every_settings_class_is_in_the_table(generator: ModuleType) -> None:
    assert set(generator.CLASSES) == settings_classes()


def test_every_setting_is_described(generator: ModuleType) -> None:
    missing = [
        f"{each.__name__}.{name}"
        for each in generator.classes()
        for name, field in each.model_fields.items()
        if not field.description
    ]
    assert missing == []


def test_the_table_is_up_to_date() -> None:
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "--check"], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_a_row_has_the_variable_its_default_and_what_it_does(generator: ModuleType) -> None:
    rows = generator.table().splitlines()
    assert "| `SIGHTLINE_LOG_LEVEL` | `info` | Least level logged. |" in rows
    assert "| `NATS_PASSWORD` |  | Password of `NATS_USER`. |" in rows
    [profiles] = [row for row in rows if row.startswith("| `ENCODER_PROFILES`")]
    assert "| `agent=1024x1024:scale_aspect_fit:jpeg:75` |" in profiles


def test_only_what_is_between_the_markers_is_replaced(generator: ModuleType) -> None:
    page = f"# Title\n\n{generator.BEGIN}\nold\n{generator.END}\n\nThe end.\n"
    made = generator.with_table(page)
    assert made == f"# Title\n\n{generator.BEGIN}\n{generator.table()}\n{generator.END}\n\nThe end.\n"
    assert generator.with_table(made) == made
