"""README's section "Give your agent eyes" keeps its word."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
SECTION = README.split("## Give your agent eyes")[1].split("\n## ")[0]
DIFFS = re.findall(r"```diff\n(.*?)```", SECTION, re.DOTALL)
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))


def test_there_is_a_before_and_after_for_each_way() -> None:
    assert ["VisionAgent" in diff for diff in DIFFS] == [True, False]
    assert ["attach_vision" in diff for diff in DIFFS] == [False, True]


@pytest.mark.parametrize("diff", DIFFS)
def test_a_diff_is_at_most_five_lines_and_is_python_before_and_after(diff: str) -> None:
    lines = diff.splitlines()
    assert 0 < sum(line[:1] in ("+", "-") for line in lines) <= 5
    for dropped in "+-":
        compile("\n".join(line[1:] for line in lines if line[:1] != dropped), "README.md", "exec")


@pytest.mark.parametrize("example", EXAMPLES, ids=[each.stem for each in EXAMPLES])
def test_an_example_is_short_is_in_the_readme_and_has_a_test_that_runs_it(example: Path) -> None:
    assert len(example.read_text().splitlines()) < 60
    assert f"`python examples/{example.name} dev`" in SECTION
    tests = [each.read_text() for each in (ROOT / "tests" / "examples").glob("test_*.py")]
    assert any(f'"{example.name}"' in each and '"dev"' in each for each in tests)


def test_the_readme_names_no_example_that_is_not_there() -> None:
    named = set(re.findall(r"examples/(\w+\.py)", README))
    assert named == {each.name for each in EXAMPLES}
