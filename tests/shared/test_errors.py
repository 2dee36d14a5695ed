"""The error tree: each knows whether trying again can help."""

from __future__ import annotations

import inspect

import pytest

from sightline import errors

RETRYABLE = {"BusError", "StoreFullError", "RetryableError", "DeadlineError", "RateLimitedError"}
ALL = dict(inspect.getmembers(errors, inspect.isclass))


@pytest.mark.parametrize("name", ALL)
def test_every_error_is_of_the_tree_and_says_what_it_means(name: str) -> None:
    assert issubclass(ALL[name], errors.SightlineError)
    assert ALL[name].__doc__


def test_only_what_may_pass_is_retried() -> None:
    assert {name for name, error in ALL.items() if error.retryable} == RETRYABLE


def test_a_decode_error_keeps_a_bounded_piece_of_what_came() -> None:
    error = errors.DecodeError("no picture", b"x" * 10_000_000)
    assert error.raw == b"x" * 4096
    assert "x" * 10 not in str(error)


def test_a_rate_limit_tells_how_long_to_wait() -> None:
    assert errors.RateLimitedError("slow down", retry_after=2.5).retry_after == 2.5
