"""What a model endpoint's refusals mean for the runner."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import httpx2
import pytest
from hypothesis import given, strategies as st

from sightline.errors import (
    CredentialError,
    DecodeError,
    RateLimitedError,
    RetryableError,
    SightlineError,
    WorkerError,
)
from sightline_captioner.model_http import RETRY_AFTER, message_of, refusal, retry_after

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
LEAST, DEFAULT, MOST = RETRY_AFTER


def refused(status: int, message: str = "", **headers: str) -> SightlineError:
    body = json.dumps({"error": {"message": message, "code": "c"}}).encode()
    return refusal(status, httpx2.Headers(headers), body, "the-model")


@pytest.mark.parametrize("status", [408, 409, 425, 500, 502, 503, 504, 529, 599])
def test_what_may_pass_is_retried(status: int) -> None:
    error = refused(status, "overloaded")
    assert type(error) is RetryableError
    assert str(error) == f"the-model answered {status}: overloaded c"


@pytest.mark.parametrize("status", [401, 402, 403])
def test_a_refused_key_is_not_retried(status: int) -> None:
    error = refused(status)
    assert type(error) is CredentialError
    assert "check the key" in str(error)


def test_an_account_without_credit_is_no_rate_limit() -> None:
    assert type(refused(429, "You exceeded your current quota: insufficient_quota")) is CredentialError


@pytest.mark.parametrize("status", [400, 422])
@pytest.mark.parametrize("message", ["Invalid image", "could not decode base64", "the picture has no pixels"])
def test_a_picture_that_the_model_cannot_use_is_not_retried(status: int, message: str) -> None:
    error = refused(status, message)
    assert type(error) is DecodeError
    assert message in str(error)


@pytest.mark.parametrize("status", [413, 415])
def test_a_picture_too_large_or_of_the_wrong_kind_is_not_retried(status: int) -> None:
    assert type(refused(status)) is DecodeError


@pytest.mark.parametrize("status", [301, 307, 400, 404, 405, 422])
def test_a_wrong_request_is_not_retried_and_says_what_to_check(status: int) -> None:
    error = refused(status, "no such model")
    assert type(error) is WorkerError
    assert "endpoint" in str(error)


def test_a_busy_service_that_says_when_to_come_back_is_a_pause() -> None:
    error = refused(503, **{"Retry-After": "7"})
    assert isinstance(error, RateLimitedError)
    assert error.retry_after == 7


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "2"}, 2.0),
        ({"retry-after": " 2.5 "}, 2.5),
        ({"retry-after-ms": "1500", "retry-after": "9"}, 1.5),
        ({"retry-after": "Sun, 01 Mar 2026 12:00:30 GMT"}, 30.0),
        # The server's clock is five minutes fast: its own Date tells.
        ({"retry-after": "Sun, 01 Mar 2026 12:05:10 GMT", "date": "Sun, 01 Mar 2026 12:05:00 GMT"}, 10.0),
        ({"retry-after": "Sun, 01 Mar 2026 11:00:00 GMT"}, LEAST),
        ({"retry-after": "-5"}, LEAST),
        ({"retry-after": "0"}, LEAST),
        ({"retry-after": "86400"}, MOST),
        ({"retry-after": "Tue, 01 Mar 2050 12:00:00 GMT"}, MOST),
        ({}, DEFAULT),
        ({"retry-after": ""}, DEFAULT),
        ({"retry-after": "soon"}, DEFAULT),
        ({"retry-after": "nan"}, DEFAULT),
        ({"retry-after": "inf"}, DEFAULT),
        ({"retry-after-ms": "nan", "retry-after": "3"}, 3.0),
    ],
)
def test_the_pause_is_as_told_and_bounded(headers: dict[str, str], seconds: float) -> None:
    assert retry_after(httpx2.Headers(headers), NOW) == seconds


@given(st.text(max_size=60), st.text(max_size=60))
def test_any_header_gives_a_pause_within_bounds(after: str, date: str) -> None:
    assert LEAST <= retry_after({"retry-after": after, "date": date}, NOW) <= MOST


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"error": "no image"}', "no image"),
        (b'{"error": {"message": "too many", "type": "rate", "code": "429"}}', "too many 429 rate"),
        (b'{"detail": "Inference service not running"}', "Inference service not running"),
        (b'{"detail": [{"loc": ["body"], "msg": "missing"}]}', "[{'loc': ['body'], 'msg': 'missing'}]"),
        (b"<html>\n<h1>Bad Gateway</h1>", "<html> <h1>Bad Gateway</h1>"),
        (b"\x1b[31mred\x00", "red"),
        (b"", ""),
        (b"{}", ""),
        (b"[" * 4096, "[" * 199 + "…"),
        (b"\xff\xfe", "��"),
    ],
)
def test_the_message_of_a_refusal_is_one_short_clean_line(body: bytes, message: str) -> None:
    assert message_of(body) == message


@given(st.binary(max_size=200), st.integers(300, 599))
def test_any_refusal_becomes_an_error_of_ours(body: bytes, status: int) -> None:
    error = refusal(status, httpx2.Headers(), body, "m")
    assert f"answered {status}" in str(error)
    assert len(str(error)) < 400
