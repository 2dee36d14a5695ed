"""Requests of the doctor: bounded in time and in size, whatever the other side does."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

import aiohttp

from sightline.errors import RetryableError

SECONDS = 10.0
MAX_BYTES = 256 * 1024


class Reply(NamedTuple):
    """An HTTP answer: its status, and the JSON in it, or None where there is none."""

    status: int
    data: Any


async def request(method: str, url: str, headers: dict[str, str], body: Any = None) -> Reply:
    """Send one request. Redirects are not followed: they would carry the key elsewhere.

    Raises:
        RetryableError: No answer within ``SECONDS``, or none that could be read. Says why.
    """
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=SECONDS)) as client,
            client.request(method, url, headers=headers, json=body, allow_redirects=False) as response,
        ):
            return Reply(response.status, _parse(await _read(response)))
    except TimeoutError:
        raise RetryableError(f"no answer within {SECONDS:g} s") from None
    except (aiohttp.ClientError, ValueError) as error:
        raise RetryableError(str(error) or type(error).__name__) from error


async def _read(response: aiohttp.ClientResponse) -> bytes:
    body = b""
    async for part in response.content.iter_any():
        body += part
        if len(body) > MAX_BYTES:
            raise RetryableError(f"an answer of over {MAX_BYTES:,} bytes")
    return body


def _parse(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None
