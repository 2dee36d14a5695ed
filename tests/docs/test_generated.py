"""What is made of the code is up to date in the repository, and only what is between markers is replaced."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from generated import ROOT, between, write_or_check

SCRIPTS = [*sorted(ROOT.glob("docs/generate_*.py")), ROOT / "deploy/observability/generate_dashboards.py"]
PAGE = "# Title\n\n<!-- table -->\nold\n<!-- /table -->\n\nThe end.\n"


@pytest.mark.parametrize("script", SCRIPTS, ids=[each.stem for each in SCRIPTS])
def test_what_it_writes_is_up_to_date(script: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(script), "--check"], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_only_what_is_between_the_markers_is_replaced() -> None:
    made = between(PAGE, "table", "new")
    assert made == "# Title\n\n<!-- table -->\nnew\n<!-- /table -->\n\nThe end.\n"
    assert between(made, "table", "new") == made


@pytest.mark.parametrize("page", ["no marker", "<!-- table -->", "<!-- /table --><!-- table -->"])
def test_a_page_without_its_markers_is_refused(page: str) -> None:
    with pytest.raises(SystemExit, match="expected <!-- table --> and, after it, <!-- /table -->"):
        between(page, "table", "new")


def test_a_check_names_what_is_out_of_date_and_writes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    page = Path(__file__)
    was = page.read_text()
    monkeypatch.setattr(sys, "argv", ["docs/generate_it.py", "--check"])
    with pytest.raises(SystemExit, match=r"out of date; run: python docs/generate_it.py"):
        write_or_check("", lambda: {page: "something else"})
    assert page.read_text() == was
