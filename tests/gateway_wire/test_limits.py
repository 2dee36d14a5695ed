"""Token buckets, sessions and addresses: how much is taken, and of whom."""

from __future__ import annotations

from typing import Any

from hypothesis import given, strategies as st

from sightline_gateway.serving.limits import FAILURES, OFFENCES, PATIENCE, Admission, Bucket, Flow, group_of
from sightline_gateway.settings import GatewaySettings

HERE, THERE = "203.0.113.7", "198.51.100.9"


class Clock:
    """A clock that the test winds."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def settings(**changes: Any) -> GatewaySettings:
    return GatewaySettings(**changes)


@given(
    rate=st.floats(0.1, 100),
    capacity=st.floats(1, 100),
    steps=st.lists(st.tuples(st.floats(0, 10), st.floats(0, 50)), max_size=50),
)
def test_no_more_is_ever_taken_than_the_bucket_held_and_got(
    rate: float, capacity: float, steps: list[tuple[float, float]]
) -> None:
    clock = Clock()
    bucket = Bucket(rate, capacity, clock)
    taken = largest = 0.0
    for seconds, amount in steps:
        clock.now += seconds
        if bucket.take(amount):
            taken += amount
            largest = max(largest, amount)
    # What is larger than the bucket is owed.
    assert taken <= capacity + rate * (clock.now - 100) + largest + 1e-6


def test_a_bucket_fills_again() -> None:
    clock = Clock()
    bucket = Bucket(2, 4, clock)
    assert [bucket.take() for _ in range(5)] == [True] * 4 + [False]
    clock.now += 1
    assert [bucket.take() for _ in range(3)] == [True, True, False]


def test_what_is_larger_than_the_bucket_needs_a_full_one_and_is_owed() -> None:
    clock = Clock()
    bucket = Bucket(1, 10, clock)
    assert bucket.take(30)
    clock.now += 20
    assert not bucket.take(1)
    clock.now += 1
    assert bucket.take(1)
    assert not bucket.take(30)


def test_frames_are_taken_at_their_rate_after_a_short_burst() -> None:
    clock = Clock()
    flow = Flow(settings(max_fps=2), clock)
    assert sum(flow.frame() for _ in range(50)) == 4
    clock.now += 10
    assert sum(flow.frame() for _ in range(50)) == 4


def test_bytes_are_averaged_over_ten_seconds() -> None:
    clock = Clock()
    flow = Flow(settings(max_bytes_per_second=1024), clock)
    assert flow.message(10_000)
    assert not flow.message(1_000)
    clock.now += 1
    assert flow.message(1_000)


def test_many_small_messages_are_a_flood_too() -> None:
    flow = Flow(settings(max_fps=5), Clock())
    assert sum(flow.message(2) for _ in range(1000)) == 50


def test_patience_ends_and_comes_back() -> None:
    clock = Clock()
    flow = Flow(settings(max_fps=5), clock)
    assert sum(flow.refused() for _ in range(1000)) == PATIENCE
    clock.now += 1
    assert sum(flow.refused() for _ in range(1000)) == 5


def test_large_refused_messages_end_it_sooner() -> None:
    flow = Flow(settings(max_bytes_per_second=1024), Clock())
    assert sum(flow.refused(5_000) for _ in range(10)) == 2


def test_mistakes_are_forgiven_slowly() -> None:
    clock = Clock()
    flow = Flow(settings(), clock)
    assert sum(flow.offence() for _ in range(100)) == OFFENCES
    clock.now += 20
    assert sum(flow.offence() for _ in range(100)) == 2


def test_a_client_is_told_once_a_second() -> None:
    clock = Clock()
    flow = Flow(settings(), clock)
    assert [flow.tell(), flow.tell()] == [True, False]
    clock.now += 1
    assert flow.tell()


def test_one_address_cannot_take_all_the_room() -> None:
    admission = Admission(settings(max_sessions=5, max_sessions_per_address=2))
    assert [admission.enter(HERE) for _ in range(2)] == ["", ""]
    assert "from this address" in admission.enter(HERE)
    assert admission.enter(THERE) == ""
    admission.leave(HERE)
    assert admission.enter(HERE) == ""


def test_all_addresses_together_cannot_take_more_than_there_is() -> None:
    admission = Admission(settings(max_sessions=2, max_sessions_per_address=1))
    assert [admission.enter(HERE), admission.enter("127.0.0.1")] == ["", ""]
    assert "the gateway is full" in admission.enter(THERE)


def test_this_machine_is_limited_only_by_the_room_there_is() -> None:
    admission = Admission(settings(max_sessions=100, max_sessions_per_address=1))
    for address in ("127.0.0.1", "::1", "::ffff:127.0.0.1"):
        assert [admission.enter(address) for _ in range(10)] == [""] * 10
        for _ in range(50):
            admission.failed(address)


def test_an_address_that_fails_too_often_has_to_wait() -> None:
    clock = Clock()
    admission = Admission(settings(), clock)
    for _ in range(FAILURES):
        assert admission.enter(HERE) == ""
        admission.leave(HERE)
        admission.failed(HERE)
    assert "too many failed attempts" in admission.enter(HERE)
    assert admission.enter(THERE) == ""
    clock.now += 5
    assert admission.enter(HERE) == ""


def test_failures_of_many_addresses_do_not_fill_the_memory() -> None:
    admission = Admission(settings())
    for number in range(20_000):
        admission.failed(f"10.{number >> 16}.{(number >> 8) & 255}.{number & 255}")
    assert len(admission._failures) == 10_000


def test_addresses_that_one_customer_has_count_as_one() -> None:
    assert group_of("2001:db8:1:2::5") == group_of("2001:db8:1:2:ffff::1") == "2001:db8:1:2::/64"
    assert group_of("2001:db8:1:3::5") != group_of("2001:db8:1:2::5")
    assert group_of("::ffff:203.0.113.7") == group_of(HERE) == HERE
    assert group_of("fe80::1%eth0") == "fe80::/64"
    assert group_of("127.0.0.1") == group_of("::1") == ""


@given(st.text())
def test_any_address_counts_as_something(address: str) -> None:
    admission = Admission(settings(max_sessions_per_address=1))
    assert admission.enter(address) == ""
    admission.leave(address)
    assert admission.enter(address) == ""
