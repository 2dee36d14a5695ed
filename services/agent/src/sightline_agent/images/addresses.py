"""Addresses that may be connected to on somebody else's behalf: public ones, and those allowed by name."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_UNICAST = ipaddress.IPv6Network("2000::/3")
_TUNNELS = (ipaddress.IPv6Network("2001::/32"), ipaddress.IPv6Network("2002::/16"))
"""Teredo and 6to4: an IPv4 address of anybody's choice is inside."""

_NUMERIC = re.compile(r"(\d+|0x[0-9a-f]*)", re.IGNORECASE)


def may_connect(address: str, networks: Sequence[Network] = ()) -> bool:
    """Whether an address is public, or in one of these networks.

    Private, loopback, link-local (where clouds keep their metadata), multicast and reserved
    addresses are not public; neither is an IPv4 address in the clothes of an IPv6 one.

    >>> may_connect("93.184.215.14"), may_connect("127.0.0.1"), may_connect("::ffff:93.184.215.14")
    (True, False, False)
    """
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    if any(parsed in network for network in networks if network.version == parsed.version):
        return True
    if isinstance(parsed, ipaddress.IPv6Address) and not _is_plain_unicast(parsed):
        return False
    return parsed.is_global and not (parsed.is_multicast or parsed.is_reserved)


def is_address(host: str) -> bool:
    """Whether a URL's host is an address as addresses are written: ``1.2.3.4``, ``2001:db8::1``."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def is_disguised(host: str) -> bool:
    """Whether a host is an address written as addresses are not: ``2130706433``, ``0x7f.1``, ``127.1``.

    What ends in a number is an address to browsers and C libraries, never a name.

    >>> [is_disguised(host) for host in ("2130706433", "0177.0.0.1", "127.1.", "127.0.0.1", "a1.example")]
    [True, True, True, False, False]
    """
    last = host.rstrip(".").rpartition(".")[2]
    return _NUMERIC.fullmatch(last) is not None and not is_address(host)


def _is_plain_unicast(address: ipaddress.IPv6Address) -> bool:
    return (
        address.scope_id is None and address in _UNICAST and not any(address in tunnel for tunnel in _TUNNELS)
    )
