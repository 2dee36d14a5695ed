"""Whom we connect to on somebody else's behalf: row by row, and for every form an address can take."""

from __future__ import annotations

import ipaddress
import socket

import pytest
from hypothesis import given, strategies as st
from yarl import URL

from sightline_agent.images.addresses import is_disguised, may_connect
from sightline_agent.images.origins import Origin

PRIVATE = [
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.2.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "224.0.0.0/4",
    "240.0.0.0/4",
]
private_v4 = st.sampled_from(PRIVATE).flatmap(lambda network: st.ip_addresses(v=4, network=network))


@pytest.mark.parametrize("address", ["93.184.215.14", "8.8.8.8", "2606:2800:21f:cb07:6820:80da:af6b:8b2c"])
def test_public_addresses_may_be_connected_to(address: str) -> None:
    assert may_connect(address)


@pytest.mark.parametrize(
    "address",
    [
        "169.254.169.254",
        "fd00:ec2::254",
        "100.100.100.200",
        "::",
        "::1",
        "fe80::1",
        "fe80::1%eth0",
        "2606:2800::1%eth0",
        "fc00::1",
        "ff02::1",
        "fec0::1",
        "64:ff9b::a00:1",
        "::7f00:1",
        "2002:7f00:1::",
        "2001:0:4136:e378:8000:63bf:3fff:fdd2",
        "2001:db8::1",
        "255.255.255.255",
        "localhost",
        "",
    ],
)
def test_everything_else_may_not(address: str) -> None:
    assert not may_connect(address)


@given(private_v4)
def test_a_private_address_is_refused_in_every_form(address: ipaddress.IPv4Address) -> None:
    octets = [int(part) for part in str(address).split(".")]
    number = int(address)
    assert not may_connect(str(address))
    assert not may_connect(f"::ffff:{address}")
    assert not may_connect(f"64:ff9b::{address}")
    assert not may_connect(f"2002:{number >> 16:x}:{number & 0xFFFF:x}::1")
    for form in (
        str(number),
        hex(number),
        f"0{number:o}",
        ".".join(hex(octet) for octet in octets),
        ".".join(f"{octet:04o}" for octet in octets),
        f"{octets[0]}.{number & 0xFFFFFF}",
        f"{octets[0]}.{octets[1]}.{number & 0xFFFF}",
    ):
        assert socket.inet_aton(form) == address.packed, "a C library takes this form for the address"
        assert is_disguised(form), form
        assert is_disguised(f"{form}."), form
        assert not may_connect(form), form


@given(st.ip_addresses())
def test_what_may_be_connected_to_is_global_unicast(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    if may_connect(str(address)):
        assert address.is_global
        assert not address.is_multicast
        assert not getattr(address, "ipv4_mapped", None)


def test_private_networks_are_connected_to_where_they_are_named() -> None:
    networks = [ipaddress.ip_network("10.1.2.0/24"), ipaddress.ip_network("fd00::/8")]
    assert may_connect("10.1.2.3", networks)
    assert may_connect("fd00::1", networks)
    assert not may_connect("10.1.3.3", networks)
    assert not may_connect("::ffff:10.1.2.3", networks)
    assert not may_connect("169.254.169.254", networks)


@pytest.mark.parametrize(
    ("entry", "url", "allowed"),
    [
        ("cdn.example.com", "https://cdn.example.com/a.png", True),
        ("CDN.example.com", "https://cdn.EXAMPLE.com./a.png", True),
        ("cdn.example.com", "http://cdn.example.com/a.png", False),
        ("cdn.example.com", "https://cdn.example.com:8443/a.png", False),
        ("cdn.example.com", "https://cdn.example.com.evil.net/a.png", False),
        ("cdn.example.com", "https://evilcdn.example.com/a.png", False),
        ("cdn.example.com", "https://cdn.example.com@evil.net/a.png", False),
        ("*.example.com", "https://a.b.example.com/a.png", True),
        ("*.example.com", "https://example.com/a.png", False),
        ("*.example.com", "https://badexample.com/a.png", False),
        ("http://files:8080", "http://files:8080/a.png", True),
        ("http://files:8080", "https://files:8080/a.png", False),
        ("http://files:8080", "http://files/a.png", False),
        ("[2606:2800::1]", "https://[2606:2800::1]/a.png", True),
    ],
)
def test_a_host_is_taken_by_its_whole_name_scheme_and_port(entry: str, url: str, allowed: bool) -> None:
    assert Origin.parse(entry).allows(URL(url)) is allowed


@pytest.mark.parametrize(
    "entry",
    ["*", "a.*.com", "ftp://example.com", "example.com/path", "u@example.com", "https://", "a b", "h:x"],
)
def test_an_entry_that_is_no_host_is_refused(entry: str) -> None:
    with pytest.raises(ValueError, match="expected a host"):
        Origin.parse(entry)
