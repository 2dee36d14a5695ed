"""The table of settings is complete."""

from __future__ import annotations

import ast

import generate_settings
from generated import ROOT


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


def test_every_settings_class_is_in_the_table() -> None:
    assert set(generate_settings.CLASSES) == settings_classes()


def test_every_setting_is_described() -> None:
    missing = [
        f"{each.__name__}.{name}"
        for each in generate_settings.classes()
        for name, field in each.model_fields.items()
        if not field.description
    ]
    assert missing == []


def test_a_row_has_the_variable_its_default_and_what_it_does() -> None:
    rows = generate_settings.table().splitlines()
    assert "| `SIGHTLINE_LOG_LEVEL` | `info` | Least level logged. |" in rows
    assert "| `NATS_PASSWORD` |  | Password of `NATS_USER`. |" in rows
    [profiles] = [row for row in rows if row.startswith("| `ENCODER_PROFILES`")]
    assert "| `agent=1024x1024:scale_aspect_fit:jpeg:75` |" in profiles
