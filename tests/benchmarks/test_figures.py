"""Figures of benchmarks: spread, ratios, aims and gates."""

from __future__ import annotations

import pytest

from harness import Figure, Spread, percentile


def test_a_spread_knows_its_median_its_ends_and_every_repetition() -> None:
    spread = Spread.of([3, 1, 2, 10])

    assert (spread.median, spread.low, spread.high) == (2.5, 1, 10)
    assert spread.samples == (3, 1, 2, 10)


def test_a_spread_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one repetition"):
        Spread.of([])


def test_a_ratio_is_that_of_each_repetition_so_that_a_busy_while_does_not_count() -> None:
    ours, theirs = Spread.of([1, 10, 2]), Spread.of([4, 40, 10])

    assert theirs.over(ours).samples == (4, 4, 5)


def test_with_other_numbers_of_repetitions_a_ratio_is_of_the_median() -> None:
    assert Spread.of([4, 8]).over(Spread.of([1, 2, 3])).samples == (2, 4)


def test_a_ratio_tells_how_many_times_better_ours_is_whichever_way_is_better() -> None:
    ours, theirs = Spread.of([2]), Spread.of([6])

    assert Figure(name="time", ours=ours, baselines={"b": theirs}).ratios["b"].median == 3
    more = Figure(name="rate", ours=theirs, baselines={"b": ours}, better="more")
    assert more.ratios["b"].median == 3


def test_there_is_no_ratio_of_nothing() -> None:
    figure = Figure(name="stall", ours=Spread.of([0, 1]), baselines={"b": Spread.of([5, 5])})

    assert figure.ratios == {}
    with pytest.raises(ValueError, match="above 0"):
        figure.baselines["b"].over(figure.ours)


@pytest.mark.parametrize("wrong", [{"aim": "under 1 ms"}, {"met": True}])
def test_an_aim_says_whether_it_was_met(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="p50: expected an aim together with"):
        Figure.model_validate({"name": "p50", "ours": Spread.of([1]), **wrong})


def test_a_gate_fails_below_its_ratio_and_says_both_numbers() -> None:
    figure = Figure(
        name="stall",
        ours=Spread.of([2]),
        baselines={"fast": Spread.of([3]), "slow": Spread.of([400])},
        gates={"fast": 2, "slow": 100},
    )

    assert figure.failures == ["stall: expected 2 times better than fast or more, was 1.5"]


def test_a_gate_of_an_unknown_baseline_is_refused() -> None:
    with pytest.raises(ValueError, match="gates of baselines that it does not have: recipes"):
        Figure(name="p50", ours=Spread.of([1]), baselines={"recipe": Spread.of([2])}, gates={"recipes": 2})


def test_a_gate_whose_ratio_cannot_be_had_fails() -> None:
    figure = Figure(name="p50", ours=Spread.of([1]), baselines={"b": Spread.of([0])}, gates={"b": 2})

    assert len(figure.failures) == 1


@pytest.mark.parametrize(
    ("percent", "expected"), [(0, 1), (1, 1), (50, 50), (95, 95), (99, 99), (99.5, 100), (100, 100)]
)
def test_a_percentile_is_one_of_the_values(percent: float, expected: int) -> None:
    assert percentile(list(range(100, 0, -1)), percent) == expected


def test_the_percentile_of_few_values_does_not_flatter() -> None:
    assert percentile([1, 2, 3], 99) == 3
    with pytest.raises(ValueError, match="at least one value"):
        percentile([], 50)
