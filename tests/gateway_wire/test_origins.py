"""Which pages may connect, and whose address counts."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, strategies as st

from sightline.errors import SettingsError
from sightline_gateway.serving.origins import Origins, Proxies
from sightline_gateway.settings import GatewaySettings

SECRET = "a secret of the tests, long enough to be one"
HOST = "gateway.example.com"


def origins(**settings: Any) -> Origins:
    return Origins(GatewaySettings(**{"jwt_secret": SECRET, **settings}))


def proxies(trusted: str) -> Proxies:
    return Proxies(GatewaySettings(trusted_proxies=trusted))


@pytest.mark.parametrize("origin", [f"https://{HOST}", f"http://{HOST}", f"https://{HOST.upper()}"])
def test_the_gateways_own_page_may_connect(origin: str) -> None:
    assert origins().problem([origin], HOST) == ""


def test_programs_may_connect() -> None:
    assert origins().problem([], HOST) == ""


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        f"https://{HOST}.evil.example",
        f"https://evil.example/{HOST}",
        f"https://{HOST}:8443",
        f"https://{HOST}@evil.example",
        f"ftp://{HOST}",
        HOST,
        "null",
        "",
        "https://",
    ],
)
def test_other_pages_may_not(origin: str) -> None:
    assert "origin is not allowed" in origins().problem([origin], HOST)


def test_listed_pages_may_connect_and_then_only_those() -> None:
    listed = origins(allowed_origins="https://app.example.com, http://localhost:3000")
    assert listed.problem(["https://app.example.com"], HOST) == ""
    assert listed.problem(["HTTP://localhost:3000"], HOST) == ""
    assert listed.problem(["http://app.example.com"], HOST)
    assert listed.problem([f"https://{HOST}"], HOST)


def test_two_origins_are_one_too_many() -> None:
    assert origins().problem([f"https://{HOST}", f"https://{HOST}"], HOST)


@pytest.mark.parametrize("host", ["127.0.0.1:8090", "localhost:8090", "LOCALHOST", "[::1]:8090"])
def test_without_tokens_this_machine_is_called_by_its_own_names(host: str) -> None:
    mine = origins(jwt_secret="")
    assert mine.problem([], host) == ""
    assert mine.problem([f"http://{host}"], host) == ""


@pytest.mark.parametrize("host", ["evil.example:8090", "evil.example", "", "[", "127.0.0.1.evil.example"])
def test_without_tokens_a_name_that_leads_here_is_not_enough(host: str) -> None:
    assert "loopback" in origins(jwt_secret="").problem([f"http://{host}"], host)


def test_a_listed_page_may_lead_here_by_its_own_name() -> None:
    mine = origins(jwt_secret="", allowed_origins="https://my.example")
    assert mine.problem(["https://my.example"], "my.example") == ""


@given(st.text(), st.text())
def test_any_headers_are_judged(origin: str, host: str) -> None:
    assert isinstance(origins().problem([origin], host), str)
    assert isinstance(origins(jwt_secret="").problem([origin], host), str)


@pytest.mark.parametrize(
    "bad", ["*", "app.example.com", "https://app.example.com/", "wss://a.example", "https://"]
)
def test_what_is_no_origin_stops_the_start(bad: str) -> None:
    with pytest.raises(SettingsError, match="GATEWAY_ALLOWED_ORIGINS: expected origins as in"):
        origins(allowed_origins=bad)


def test_nobody_is_believed_about_addresses_by_default() -> None:
    assert proxies("").client("203.0.113.7", ["198.51.100.9"]) == "203.0.113.7"


def test_a_trusted_proxy_is_believed_about_whom_it_was_called_by() -> None:
    behind = proxies("10.0.0.0/8, 2001:db8::/32")
    assert behind.client("10.1.2.3", ["203.0.113.7"]) == "203.0.113.7"
    assert behind.client("::ffff:10.1.2.3", ["203.0.113.7"]) == "203.0.113.7"
    assert behind.client("2001:db8::1", ["203.0.113.7, 10.9.9.9"]) == "203.0.113.7"
    assert behind.client("10.1.2.3", ["203.0.113.7", "10.9.9.9"]) == "203.0.113.7"


def test_what_a_client_makes_up_before_the_proxy_is_not_believed() -> None:
    behind = proxies("10.0.0.0/8")
    assert behind.client("10.1.2.3", ["127.0.0.1, 203.0.113.7"]) == "203.0.113.7"
    assert behind.client("203.0.113.7", ["127.0.0.1"]) == "203.0.113.7"


@pytest.mark.parametrize("forwarded", [[], [""], ["unknown"], ["203.0.113.7:1234"], ["203.0.113.7, what"]])
def test_a_proxy_that_tells_no_address_counts_itself(forwarded: list[str]) -> None:
    assert proxies("10.0.0.0/8").client("10.1.2.3", forwarded) == "10.1.2.3"


@given(st.text(), st.lists(st.text()))
def test_any_forwarding_gives_an_address(peer: str, forwarded: list[str]) -> None:
    assert isinstance(proxies("0.0.0.0/0,::/0").client(peer, forwarded), str)


def test_what_is_no_network_stops_the_start() -> None:
    with pytest.raises(SettingsError, match=r"GATEWAY_TRUSTED_PROXIES: expected networks .* got 'proxy'"):
        proxies("proxy")
