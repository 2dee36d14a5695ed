"""Fetches an image from a URL, of hosts that an operator has listed, and from no private address.

Names are resolved once, and the connection goes to the addresses that were checked. A redirect is
a URL like the first one.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver
from yarl import URL

from sightline_agent.images.addresses import Network, is_address, is_disguised, may_connect
from sightline_agent.images.settings import ImageSettings
from sightline_agent.images.still import ImageError

MAX_REDIRECTS = 3
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_CHUNK = 65_536
_HEADERS = {
    "Accept": "image/jpeg, image/png, image/webp, image/gif",
    # A few compressed bytes can be many.
    "Accept-Encoding": "identity",
}


class PublicResolver(AbstractResolver):
    """Resolves names to addresses that may be connected to, or not at all.

    Args:
        networks: Private networks that are allowed.
        resolver: Who is asked; the system by default.
    """

    def __init__(self, networks: Sequence[Network], resolver: AbstractResolver | None = None) -> None:
        self._networks = networks
        self._resolver = resolver or ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await self._resolver.resolve(host, port, family)
        for each in found:
            if not may_connect(each["host"], self._networks):
                raise _NotPublicError(host)
        return found

    async def close(self) -> None:
        await self._resolver.close()


class _NotPublicError(OSError):
    """A name that leads to an address that may not be connected to. aiohttp passes OSErrors on."""


async def fetch(url: str, settings: ImageSettings, resolver: AbstractResolver | None = None) -> bytes:
    """What a URL of a listed host answers, whatever it is.

    Args:
        url: ``https``, or ``http`` where the host is listed with it.
        resolver: Who is asked for addresses; the system by default.

    Raises:
        ImageError: The URL is not allowed, the answer is no answer, too large, or too late.
    """
    connector = aiohttp.TCPConnector(
        resolver=PublicResolver(settings.networks, resolver), use_dns_cache=False, force_close=True
    )
    timeout = aiohttp.ClientTimeout(total=settings.image_fetch_seconds)
    async with aiohttp.ClientSession(
        connector=connector, timeout=timeout, headers=_HEADERS, auto_decompress=False, trust_env=False
    ) as session:
        try:
            async with asyncio.timeout(settings.image_fetch_seconds):
                return await _follow(session, url, settings)
        except TimeoutError:
            seconds = settings.image_fetch_seconds
            raise ImageError(f"fetching the image took longer than {seconds:g} s") from None
        except aiohttp.ClientError as error:
            raise ImageError(_reason(error)) from error


async def _follow(session: aiohttp.ClientSession, url: str, settings: ImageSettings) -> bytes:
    target = _parsed(url)
    for _ in range(MAX_REDIRECTS + 1):
        _check(target, settings)
        async with session.get(target, allow_redirects=False) as response:
            if response.status not in _REDIRECTS:
                return await _read(response, settings.image_max_bytes)
            target = _parsed(response.headers.get("Location", ""), target)
    raise ImageError(f"the image's host redirects more than {MAX_REDIRECTS} times")


def _parsed(url: str, base: URL | None = None) -> URL:
    try:
        return base.join(URL(url)) if base is not None else URL(url)
    except ValueError as error:
        raise ImageError(f"expected the URL of an image, got one that cannot be read: {error}") from None


def _check(url: URL, settings: ImageSettings) -> None:
    """Before anybody is asked for an address."""
    host = url.host or ""
    if url.scheme not in ("https", "http") or not host:
        raise ImageError(f"expected an https URL of an image, got the scheme {url.scheme!r}")
    if url.user is not None or url.password is not None:
        raise ImageError("expected a URL without a user name or password in it")
    if is_disguised(host):
        raise ImageError(f"expected a host name, got {host!r}, which is an address in disguise")
    if not any(origin.allows(url) for origin in settings.origins):
        raise ImageError(
            f"{url.scheme}://{host}:{url.port} is not among the hosts that images are fetched from; list it "
            "in AGENT_IMAGE_HOSTS, or let the model's provider fetch it (fetch=False)"
        )
    if is_address(host) and not may_connect(host, settings.networks):
        raise ImageError(_not_public(host))


async def _read(response: aiohttp.ClientResponse, max_bytes: int) -> bytes:
    if response.status != 200:
        raise ImageError(f"expected an image, the host answered {response.status}")
    if (response.content_length or 0) > max_bytes:
        raise ImageError(f"the image has {response.content_length:,} bytes; {max_bytes:,} are taken")
    data = bytearray()
    async for chunk in response.content.iter_chunked(_CHUNK):
        data += chunk
        if len(data) > max_bytes:
            raise ImageError(f"the image has more than {max_bytes:,} bytes")
    return bytes(data)


def _reason(error: aiohttp.ClientError) -> str:
    cause = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else None
    if isinstance(cause, _NotPublicError):
        return _not_public(str(cause))
    return f"the image could not be fetched: {type(error).__name__}"


def _not_public(host: str) -> str:
    return (
        f"{host} is in a private or reserved network, from which nothing is fetched; "
        "AGENT_IMAGE_NETWORKS may allow it"
    )
