"""Who is at the other end: the pages that may connect, and the address that a client has."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import urlsplit

from sightline.errors import SettingsError
from sightline_gateway.serving.tokens import is_loopback
from sightline_gateway.settings import GatewaySettings

Network = IPv4Network | IPv6Network


class Origins:
    """Which pages may connect. A browser says truthfully which page it is that connects."""

    def __init__(self, settings: GatewaySettings) -> None:
        """
        Raises:
            SettingsError: Something is listed that is no origin.
        """
        self._allowed = {_origin(each) for each in _listed(settings.allowed_origins)}
        # Without tokens anything that reaches us is served. A page elsewhere can have its own name lead
        # to this machine, and then is no other origin to the browser; its Host gives it away.
        self._only_this_machine = not settings.jwt_secret.get_secret_value()

    def problem(self, origins: Sequence[str], host: str) -> str:
        """Why a connection is refused; "" when it may come.

        Args:
            origins: All headers ``Origin``; programs send none.
            host: The header ``Host``.
        """
        listed = any(urlsplit(each).netloc == host.lower() for each in self._allowed)
        if self._only_this_machine and not listed and not is_loopback(_host(f"//{host}")):
            return "expected this gateway, which asks for no token, to be called by a loopback address's name"
        if not origins:
            return ""
        origin = origins[0].lower()
        if len(origins) > 1 or (origin not in self._allowed and (self._allowed or not _same(origin, host))):
            return "this page's origin is not allowed: GATEWAY_ALLOWED_ORIGINS lists those that are"
        return ""


class Proxies:
    """Finds a client's address behind reverse proxies that are trusted to tell it."""

    def __init__(self, settings: GatewaySettings) -> None:
        """
        Raises:
            SettingsError: Something is listed that is no network.
        """
        self._trusted: list[Network] = []
        for each in _listed(settings.trusted_proxies):
            try:
                self._trusted.append(ip_network(each))
            except ValueError as error:
                raise SettingsError(
                    f"GATEWAY_TRUSTED_PROXIES: expected networks as in 10.0.0.0/8, got {each!r}: {error}"
                ) from None

    def client(self, peer: str, forwarded: Sequence[str]) -> str:
        """A client's address.

        Args:
            peer: Who is connected.
            forwarded: All headers ``X-Forwarded-For``; each proxy adds whom it was called by at the end.
        """
        # The nearest that is not one of ours; what stands before it, that one may have made up.
        address = peer
        for claimed in reversed([part.strip() for line in forwarded for part in line.split(",")]):
            if not self._trusts(address):
                break
            try:
                address = str(ip_address(claimed))
            except ValueError:
                break
        return address

    def _trusts(self, address: str) -> bool:
        parsed: IPv4Address | IPv6Address | None = None
        with contextlib.suppress(ValueError):
            parsed = ip_address(address)
            parsed = getattr(parsed, "ipv4_mapped", None) or parsed
        return parsed is not None and any(parsed in network for network in self._trusted)


def _listed(setting: str) -> list[str]:
    return [part.strip() for part in setting.split(",") if part.strip()]


def _origin(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.netloc or parts.path or parts.query:
        raise SettingsError(
            f"GATEWAY_ALLOWED_ORIGINS: expected origins as in https://app.example.com, got {text!r}"
        )
    return text.lower()


def _same(origin: str, host: str) -> bool:
    # Whether the page came by TLS is a proxy's affair, so only names and ports are compared.
    return origin.startswith(("http://", "https://")) and urlsplit(origin).netloc == host.lower()


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""
