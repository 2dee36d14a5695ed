"""What every benchmark does with its command line and its rows."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness import Curve, Figure, Options, Result, Row, Spread, main


def row(ratio: float) -> Row:
    return Row(
        number=8,
        title="encoding",
        figures=[
            Figure(
                name="720p",
                ours=Spread.of([1.5, 2]),
                baselines={"other": Spread.of([1.5 * ratio, 2 * ratio])},
                unit="ms",
                aim="5 times",
                met=ratio >= 5,
                gates={"other": 3},
            )
        ],
        curves=[Curve(title="rate", x="replicas", lines={"ours": {1: Spread.of([1]), 2.5: Spread.of([2])}})],
    )


def run(tmp_path: Path, ratio: float, *arguments: str) -> tuple[Result, list[Options]]:
    asked: list[Options] = []

    async def measure(options: Options) -> list[Row]:
        asked.append(options)
        return [row(ratio)]

    path = tmp_path / "found" / "encoding.json"
    main("encoding", measure, "Encodes.", [*arguments, "--json", str(path)])
    return Result.read(path), asked


def test_a_run_leaves_json_and_a_plot_and_prints_the_table(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    result, asked = run(tmp_path, 6)

    assert asked == [Options()]
    assert result.rows == [row(6)]
    assert result.command.startswith("python benchmarks/encoding.py --json ")
    assert not result.quick
    assert (tmp_path / "found" / "encoding.png").read_bytes().startswith(b"\x89PNG")
    assert "encoding: 720p" in capsys.readouterr().out


def test_json_holds_the_ratios_and_the_machine_for_whoever_reads_it_without_this(tmp_path: Path) -> None:
    run(tmp_path, 6)

    stored = json.loads((tmp_path / "found" / "encoding.json").read_text())
    assert stored["rows"][0]["figures"][0]["ratios"]["other"]["median"] == 6
    assert stored["machine"]["cores"] > 0
    assert stored["machine"]["cpu"]
    assert stored["machine"]["nats_server"][0].isdigit()


def test_a_missed_aim_is_shown_and_is_no_failure_of_the_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    result, _ = run(tmp_path, 2, "--quick")

    assert "MISSED" in capsys.readouterr().out
    assert result.quick
    assert result.rows[0].figures[0].met is False


def test_a_gate_that_is_not_passed_ends_it_with_the_reason(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="720p: expected 3 times better than other or more, was 2"):
        run(tmp_path, 2, "--gate")


def test_a_gate_is_quick(tmp_path: Path) -> None:
    _, asked = run(tmp_path, 4, "--gate")

    assert asked == [Options(quick=True, gate=True)]


def test_a_file_that_is_no_result_is_named(tmp_path: Path) -> None:
    path = tmp_path / "other.json"
    path.write_text("{}")

    with pytest.raises(ValueError, match=r"other\.json: expected the result of a benchmark"):
        Result.read(path)
