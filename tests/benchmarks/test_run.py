"""All benchmarks one after another, as ``make bench`` runs them."""

from __future__ import annotations

import ast
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

import run
from harness import Figure, Machine, Result, Row, Spread

MEASURED = Result(
    name="",
    command="",
    quick=False,
    began=datetime(2026, 1, 2, tzinfo=UTC),
    seconds=1,
    machine=Machine(
        cpu="a", cores=2, memory_gib=8, kernel="6", python="3.11", nats_server="2", livekit_server="1", load=0
    ),
    rows=[],
)

SCRIPT = """
import json, pathlib, sys
path = pathlib.Path(sys.argv[sys.argv.index("--json") + 1])
path.parent.mkdir(parents=True, exist_ok=True)
made_by = sys.argv[sys.argv.index("--part-of") + 1]
found = json.loads(pathlib.Path(__file__).with_suffix(".found").read_text())
path.write_text(json.dumps(found | {"command": made_by}))
sys.exit("--gate" in sys.argv and "too slow")
"""
"""Leaves what it is told to, and passes no gate: what a benchmark does beyond that is tested elsewhere."""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Benchmarks of a test alone, and where their results go."""
    monkeypatch.setattr(run, "HERE", tmp_path)
    monkeypatch.setattr(run, "RESULTS", tmp_path / "results")
    monkeypatch.setattr(run, "QUICK", tmp_path / "results/quick")
    return tmp_path


def script(folder: Path, name: str, number: int = 1) -> None:
    row = Row(number=number, title=name, figures=[Figure(name="p50", ours=Spread.of([1]))])
    (folder / f"{name}.py").write_text(SCRIPT)
    MEASURED.model_copy(update={"name": name, "rows": [row]}).write(folder / f"{name}.found")


def bench(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> None:
    monkeypatch.setattr(sys, "argv", ["benchmarks/run.py", *arguments])
    run.main()


def test_each_leaves_its_result_and_one_table_has_all_rows(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    script(folder, "a", number=2)
    script(folder, "b", number=1)

    bench(monkeypatch)

    table = capfd.readouterr().out
    assert table.index("b: p50") < table.index("a: p50")
    assert Result.read(folder / "results/b.json").command == "make bench"


def test_quick_results_do_not_take_the_place_of_full_ones(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script(folder, "first")

    bench(monkeypatch, "--quick", "first")

    assert Result.read(folder / "results/quick/first.json").command == "make bench-quick ARGS='first'"
    assert not (folder / "results/first.json").exists()


def test_one_that_fails_is_named_and_the_others_run(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    (folder / "broken.py").write_text("raise SystemExit('no server')")
    script(folder, "whole")

    with pytest.raises(SystemExit, match="failed: broken"):
        bench(monkeypatch)

    told = capfd.readouterr()
    assert "whole: p50" in told.out
    assert "no server" in told.err


def test_a_gate_is_asked_for_and_fails_the_run(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    script(folder, "slow")

    bench(monkeypatch, "--quick")
    with pytest.raises(SystemExit, match="failed: slow"):
        bench(monkeypatch, "--gate", "slow")

    assert "too slow" in capfd.readouterr().err


def test_an_unknown_name_is_refused_with_those_that_there_are(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    script(folder, "first")

    with pytest.raises(SystemExit):
        bench(monkeypatch, "frist")

    assert "expected some of first, got frist" in capfd.readouterr().err


@pytest.mark.parametrize("name", run.names())
def test_every_file_of_the_folder_is_a_benchmark_and_goes_by_its_own_name(name: str) -> None:
    tree = ast.parse((run.HERE / f"{name}.py").read_text())
    named = [
        each.args[0].value
        for each in ast.walk(tree)
        if isinstance(each, ast.Call)
        and isinstance(each.func, ast.Name)
        and each.func.id == "main"
        and each.args
        and isinstance(each.args[0], ast.Constant)
    ]
    assert named == [name], "it ends with main(name, measure), or is named in APART of benchmarks/run.py"


def test_what_ci_gates_and_what_stands_apart_is_there() -> None:
    assert set(run.GATED) <= set(run.names())
    assert all((run.HERE / f"{name}.py").is_file() for name in run.APART)
