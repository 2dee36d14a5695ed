"""docs/reliability.md names tests that exist, for every fault."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
PAGE = TESTS.parent / "docs/reliability.md"
TEXT = PAGE.read_text()
NAMED = sorted(set(re.findall(r"`([\w/]+\.py)::(\w+)`", TEXT)))
ROWS = [line for line in TEXT.splitlines() if re.match(r"\| N?\d+ \|", line)]


@cache
def defined(path: Path) -> frozenset[str]:
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    return frozenset(
        node.name for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, functions)
    )


@pytest.mark.parametrize(("file", "name"), NAMED, ids=[f"{file}::{name}" for file, name in NAMED])
def test_every_test_that_the_page_names_exists(file: str, name: str) -> None:
    assert name.startswith("test_")
    assert name in defined(TESTS / file)


def test_the_page_has_every_fault_once_and_each_names_a_test() -> None:
    numbers = [line.split("|")[1].strip() for line in ROWS]
    assert numbers == [*map(str, range(1, 31)), *(f"N{number}" for number in range(1, 20))]
    assert [line for line in ROWS if ".py::test_" not in line] == []
