"""How often a realtime model is shown something, by a clock of the test's own."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given, strategies as st

from sightline_agent.realtime.pace import Pace
from sightline_agent.realtime.settings import RealtimeSettings


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def times(seconds: list[tuple[float, bool]]) -> list[tuple[float, bool]]:
    """When something was shown, and whether the user spoke, of many chances to."""
    clock, shown = Clock(), list[tuple[float, bool]]()
    pace = Pace(RealtimeSettings(), clock)
    for pause, speaking in seconds:
        clock.now += pause
        if pace.due(speaking):
            pace.mark()
            shown.append((clock.now, speaking))
    return shown


def test_the_first_is_due_at_once_then_one_in_three_seconds() -> None:
    assert [at for at, _ in times([(0.5, False)] * 20)] == [1_000.5, 1_003.5, 1_006.5, 1_009.5]


def test_while_the_user_speaks_it_is_one_a_second() -> None:
    assert [at for at, _ in times([(0.5, True)] * 10)] == [1_000.5, 1_001.5, 1_002.5, 1_003.5, 1_004.5]


def test_as_the_user_begins_to_speak_one_is_due_as_soon_as_the_last_is_a_second_old() -> None:
    silent, speaking = [(0.5, False)] * 4, [(0.5, True)] * 3
    assert [at for at, _ in times(silent + speaking)] == [1_000.5, 1_002.5, 1_003.5]


def test_what_is_left_to_wait_is_told() -> None:
    clock = Clock()
    pace = Pace(RealtimeSettings(), clock)
    assert pace.wait(speaking=False) == 0
    pace.mark()
    clock.now += 0.25
    assert (pace.wait(speaking=True), pace.wait(speaking=False)) == (0.75, 2.75)


@given(st.lists(st.tuples(st.floats(0.01, 5), st.booleans()), max_size=60))
def test_two_are_never_closer_than_the_rate_of_their_moment(seconds: list[tuple[float, bool]]) -> None:
    shown = times(seconds)
    for (before, _), (after, speaking) in pairwise(shown):
        assert after - before >= (1.0 if speaking else 3.0) - 1e-6
