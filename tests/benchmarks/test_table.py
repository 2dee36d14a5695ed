"""The table of benchmarks, in a terminal and on a page."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from harness import Figure, Row, Spread
from harness.table import lines, markdown, number, show, spread

ROWS = [
    Row(
        number=2,
        title="age",
        figures=[Figure(name="p95", ours=Spread.of([0.6]), unit="s", aim="at most 0.7 s", met=True)],
    ),
    Row(
        number=1,
        title="time added",
        notes="[both] in one process",
        figures=[
            Figure(
                name="p50",
                ours=Spread.of([1, 2, 3]),
                baselines={"recipe": Spread.of([400, 400, 600]), "a|b": Spread.of([2, 2, 3])},
                unit="ms",
                aim="under 1 ms",
                met=False,
            ),
            Figure(name="p999", ours=Spread.of([9]), detail=True),
        ],
    ),
]


def shown(rows: list[Row]) -> str:
    console = Console(file=io.StringIO(), force_terminal=False)
    show(rows, console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_rows_are_in_order_and_each_baseline_has_a_line() -> None:
    assert [line[:6] for line in lines(ROWS)] == [
        ("1", "time added: p50", "2 (1–3) ms", "recipe", "400 (400–600) ms", "200 (200–400)"),
        ("", "", "", "a|b", "2 (2–3) ms", "1 (1–2)"),
        ("1", "time added: p999", "9", "", "", ""),
        ("2", "age: p95", "0.6 s", "", "", ""),
    ]


def test_an_aim_that_is_missed_is_shown_as_missed() -> None:
    assert [line[6:] for line in lines(ROWS, details=False)] == [
        ("under 1 ms", "MISSED"),
        ("", ""),
        ("at most 0.7 s", "met"),
    ]
    assert "| under 1 ms | MISSED |" in markdown(ROWS)
    assert "MISSED" in shown(ROWS)


def test_a_page_leaves_out_details_and_survives_any_name() -> None:
    page = markdown(ROWS)

    assert "p999" not in page
    assert "p999" in shown(ROWS)
    assert "a\\|b" in page


def test_a_terminal_shows_all_columns_and_the_notes_as_they_are() -> None:
    text = shown(ROWS)

    assert "400 (400–600) ms" in text
    assert "1. [both] in one process" in text


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0, "0"), (1234567.8, "1,234,568"), (123.4, "123"), (99.94, "99.9"), (12.0, "12"),
        (1.234, "1.23"), (0.5, "0.5"), (0.01234, "0.0123"), (0.0000001, "0"), (-3.456, "-3.46"), (100, "100"),
    ],
)  # fmt: skip
def test_numbers_have_three_digits_that_tell_something(value: float, expected: str) -> None:
    assert number(value) == expected


def test_a_spread_without_any_is_a_number_with_its_unit() -> None:
    assert spread(Spread.of([5, 5]), "ms") == "5 ms"
    assert spread(Spread.of([1, 2]), "") == "1.5 (1–2)"
