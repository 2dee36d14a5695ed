"""Which sign of a turn's end leaves time to describe what is seen, as the turns before have told."""

from __future__ import annotations

from sightline_agent.timing import TURNS, TurnEnds


def after(*left: float) -> TurnEnds:
    """Turns that began so many seconds after the user stopped."""
    ends = TurnEnds()
    for at, seconds in enumerate(left):
        ends.speaks()
        ends.stops(100.0 * at)
        ends.turn(100.0 * at + seconds)
    return ends


def test_before_the_first_turn_and_without_a_description_nothing_is_known() -> None:
    assert TurnEnds().leaves(0.4) is None
    assert after(0.6).leaves(None) is None


def test_a_turn_that_takes_longer_to_begin_than_a_description_leaves_time() -> None:
    assert after(0.6).leaves(0.4) is True
    assert after(0.25).leaves(0.4) is False
    assert after(0.42).leaves(0.4) is False, "the way over the bus takes its time, too"


def test_the_shortest_of_the_last_turns_counts() -> None:
    assert after(0.9, 0.2, 0.9).leaves(0.4) is False
    assert after(0.2, *[0.9] * TURNS).leaves(0.4) is True


def test_a_turn_that_nobody_spoke_or_that_began_before_its_end_tells_nothing() -> None:
    ends = TurnEnds()
    ends.turn(5.0)
    assert ends.leaves(0.4) is None
    ends.stops(10.0)
    ends.speaks()
    ends.turn(11.0)
    assert ends.leaves(0.4) is None


def test_only_the_first_request_of_a_turn_counts() -> None:
    ends = after(0.6)
    ends.turn(1000.0)
    ends.turn(2000.0)
    assert ends.leaves(0.5) is True
    assert ends.leaves(0.6) is False
