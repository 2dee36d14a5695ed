"""One pooled client per backend, and what its refusals mean."""

from __future__ import annotations

import asyncio
import json
import math
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx2

from sightline.errors import (
    CredentialError,
    DeadlineError,
    DecodeError,
    RateLimitedError,
    RetryableError,
    SightlineError,
    WorkerError,
)
from sightline_captioner.text import one_line

MAX_ANSWER = 256 * 1024
"""Bytes of an answer that are read. A caption has at most 8,000 characters."""

RETRY_AFTER = (0.1, 1.0, 300.0)
"""Seconds to pause after a 429: at least, without a word about it, at most."""

_CONNECT_SECONDS = 5.0
_IDLE_SECONDS = 60.0
_ABOUT_THE_IMAGE = re.compile(r"image|picture|decode|base64", re.IGNORECASE)
_NO_CREDIT = re.compile(r"insufficient_quota|billing|out of credit|insufficient (?:credit|balance)", re.I)


def pooled_client(connections: int, seconds: float) -> httpx2.AsyncClient:
    """A client that keeps its connections and reads no more than ``MAX_ANSWER`` bytes of an answer.

    Takes some ten milliseconds for the certificates: make it in a thread. Redirects are not followed:
    they would carry pictures, and maybe the key, elsewhere. Proxies of the environment are used.

    Args:
        connections: At most this many at once, all of them kept.
        seconds: How long any single step may take; ``within`` bounds the whole.
    """
    return httpx2.AsyncClient(
        limits=httpx2.Limits(
            max_connections=connections,
            max_keepalive_connections=connections,
            keepalive_expiry=_IDLE_SECONDS,
        ),
        timeout=httpx2.Timeout(seconds, connect=min(_CONNECT_SECONDS, seconds)),
        # What is not compressed cannot grow while it is read.
        headers={"accept-encoding": "identity"},
        event_hooks={"response": [_cap]},
        follow_redirects=False,
    )


@asynccontextmanager
async def within(seconds: float, model: str) -> AsyncIterator[None]:
    """Bound a whole exchange with a model, and name what goes wrong on the way.

    Raises:
        DeadlineError: It took longer than ``seconds``, also when something still drips in.
        RetryableError: There was no connection, or it broke, or the answer was too long.
    """
    try:
        async with asyncio.timeout(seconds):
            yield
    except (TimeoutError, httpx2.TimeoutException) as error:
        raise DeadlineError(f"{model} did not answer within {seconds:g} s") from error
    except httpx2.TransportError as error:
        reason = f"{type(error).__name__} {error}".strip()
        raise RetryableError(f"{model} could not be reached, or broke off: {reason}"[:300]) from error


def refusal(status: int, headers: Mapping[str, str], body: bytes, model: str) -> SightlineError:
    """What a status other than 200 means.

    Args:
        status: Of the response.
        headers: Of the response, by any case.
        body: What came with it; some of it is quoted.
        model: Who refused, for the message.
    """
    said = message_of(body)
    text = f"{model} answered {status}: {said}" if said else f"{model} answered {status}"
    if status in (401, 402, 403) or (status == 429 and _NO_CREDIT.search(said)):
        return CredentialError(f"{text}; check the key, its rights and its credit")
    if status == 429 or (status == 503 and "retry-after" in headers):
        return RateLimitedError(text, retry_after(headers, datetime.now(UTC)))
    if status in (408, 409, 425) or status >= 500:
        return RetryableError(text)
    if 300 <= status < 400:
        return WorkerError(f"{text}; redirects are not followed, set the endpoint to its final address")
    if status in (413, 415) or (status in (400, 422) and _ABOUT_THE_IMAGE.search(said)):
        return DecodeError(text)
    return WorkerError(f"{text}; check the endpoint's address and the model's name")


def retry_after(headers: Mapping[str, str], now: datetime) -> float:
    """Seconds to wait, from ``Retry-After`` in either form, or ``retry-after-ms``; within ``RETRY_AFTER``.

    Args:
        headers: Of the response; its ``Date`` is trusted before ``now``, as clocks differ.
        now: The local time.
    """
    least, default, most = RETRY_AFTER
    seconds = _seconds(headers.get("retry-after-ms", ""), 0.001)
    if seconds is None:
        seconds = _seconds(headers.get("retry-after", ""), 1.0)
    if seconds is None:
        until = _date(headers.get("retry-after", ""))
        seconds = (until - (_date(headers.get("date", "")) or now)).total_seconds() if until else default
    return min(max(seconds, least), most)


def _seconds(value: str, unit: float) -> float | None:
    try:
        seconds = float(value) * unit
    except ValueError:
        return None
    return seconds if math.isfinite(seconds) else None


def _date(value: str) -> datetime | None:
    try:
        date = parsedate_to_datetime(value)
    except ValueError:
        return None
    return date if date.tzinfo else date.replace(tzinfo=UTC)


def message_of(body: bytes) -> str:
    """The human part of an error's body, on one short line; "" where there is none."""
    text = body[:4096].decode("utf-8", "replace")
    try:
        found: Any = json.loads(text)
    except (ValueError, RecursionError):
        return one_line(text, 200)
    while isinstance(found, dict):
        codes = [str(found[key]) for key in ("code", "type") if isinstance(found.get(key), str)]
        inner = found.get("error") or found.get("message") or found.get("detail") or " ".join(codes)
        if isinstance(inner, str):
            return one_line(" ".join([inner, *(code for code in codes if code not in inner)]), 200)
        found = inner
    return one_line(str(found), 200)


async def _cap(response: httpx2.Response) -> None:
    """Let no more than ``MAX_ANSWER`` bytes of this response in."""
    encoding = response.headers.get("content-encoding", "identity")
    if encoding != "identity":
        raise httpx2.ReadError(f"expected an answer as it is, got it compressed by {encoding[:40]!r}")
    if isinstance(response.stream, httpx2.AsyncByteStream):
        response.stream = _Capped(response.stream)


class _Capped(httpx2.AsyncByteStream):
    def __init__(self, stream: httpx2.AsyncByteStream) -> None:
        self._stream = stream

    async def __aiter__(self) -> AsyncIterator[bytes]:
        size = 0
        async for chunk in self._stream:
            size += len(chunk)
            if size > MAX_ANSWER:
                raise httpx2.ReadError(f"the answer is longer than {MAX_ANSWER:,} bytes")
            yield chunk

    async def aclose(self) -> None:
        await self._stream.aclose()
