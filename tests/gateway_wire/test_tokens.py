"""Tokens: what is taken, and above all what is not."""

from __future__ import annotations

import base64
import hmac
import json
from typing import Any

import jwt
import pytest
from hypothesis import given, strategies as st
from typer.testing import CliRunner

from sightline.cli.app import app
from sightline.errors import SettingsError
from sightline_gateway.serving.tokens import LEEWAY, MAX_SECONDS, Grant, TokenError, Tokens
from sightline_gateway.settings import GatewaySettings

SECRET = "a secret of the tests, long enough to be one"
NOW = 1_800_000_000


def tokens(now: float = NOW, **settings: Any) -> Tokens:
    return Tokens(GatewaySettings(**{"jwt_secret": SECRET, **settings}), clock=lambda: now)


def claims(**changes: Any) -> dict[str, Any]:
    usual = {"aud": "sightline-gateway", "exp": NOW + 60, "session": "vs_1", "sub": "alice"}
    return {name: value for name, value in {**usual, **changes}.items() if value is not ...}


def signed(secret: str = SECRET, algorithm: str = "HS256", **changes: Any) -> str:
    return jwt.encode(claims(**changes), secret, algorithm=algorithm)


def unsigned(header: dict[str, str]) -> str:
    parts = (base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in (header, claims()))
    return b".".join([*parts, b""]).decode()


def test_a_token_allows_its_session_as_its_participant() -> None:
    assert tokens().check(signed()) == Grant("vs_1", "alice")
    assert tokens().check(signed(sub=...)) == Grant("vs_1", "client")


def test_an_issued_token_is_taken() -> None:
    ours = tokens()
    assert ours.check(ours.issue("mine", 60, "bob")) == Grant("mine", "bob")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"exp": NOW - LEEWAY - 1}, "expired"),
        ({"exp": ...}, 'missing the "exp" claim'),
        ({"exp": NOW + MAX_SECONDS + LEEWAY + 1}, "must expire within"),
        ({"exp": "soon"}, "exp"),
        ({"exp": float("inf")}, "not taken"),
        ({"exp": float("nan")}, "expired"),
        ({"exp": 10**400}, "not taken"),
        ({"exp": True}, "exp"),
        ({"aud": "another-service"}, "Audience"),
        ({"aud": ...}, 'missing the "aud" claim'),
        ({"aud": None}, "aud"),
        ({"session": ...}, "session"),
        ({"session": ""}, "session"),
        ({"session": 5}, "session"),
        ({"session": "x" * 129}, "session"),
        ({"sub": ""}, "sub"),
        ({"nbf": NOW * 2}, "not yet valid"),
    ],
)
def test_a_token_whose_claims_are_wrong_is_refused(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(TokenError, match=reason):
        tokens().check(signed(**changes))


def test_clocks_may_differ_by_a_little() -> None:
    assert tokens().check(signed(exp=NOW - LEEWAY + 1)).session_id == "vs_1"


def test_a_token_signed_with_another_secret_is_refused() -> None:
    with pytest.raises(TokenError, match="Signature"):
        tokens().check(signed("another secret that is quite as long as ours"))


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "HS256"])
def test_a_token_without_a_signature_is_refused(algorithm: str) -> None:
    with pytest.raises(TokenError):
        tokens().check(unsigned({"alg": algorithm, "typ": "JWT"}))


@pytest.mark.parametrize("algorithm", ["HS384", "HS512"])
def test_another_algorithm_is_refused_with_the_right_secret(algorithm: str) -> None:
    with pytest.raises(TokenError, match="alg"):
        tokens().check(signed(SECRET * 2, algorithm=algorithm))


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "EdDSA"])
def test_a_token_cannot_ask_for_the_secret_to_be_taken_as_a_public_key(algorithm: str) -> None:
    unsigned_part = unsigned({"alg": algorithm, "typ": "JWT"})[:-1]
    signature = hmac.digest(SECRET.encode(), unsigned_part.encode(), "sha256")
    token = f"{unsigned_part}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"
    with pytest.raises(TokenError, match="alg"):
        tokens().check(token)


@given(st.text() | st.binary().map(lambda data: base64.urlsafe_b64encode(data).decode()))
def test_anything_else_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(TokenError) as caught:
        tokens().check(text)
    assert len(text) < 12 or text not in str(caught.value)


@given(st.integers(0, 400), st.integers(0, 255))
def test_a_token_of_which_one_letter_differs_is_refused(place: int, letter: int) -> None:
    token = signed()
    place %= len(token)
    changed = token[:place] + chr(letter) + token[place + 1 :]
    try:
        allowed = tokens().check(changed)
    except TokenError:
        return
    # The last letter of a part of base64 has bits that mean nothing.
    assert allowed == Grant("vs_1", "alice")


def test_a_token_that_would_not_be_taken_is_not_issued() -> None:
    with pytest.raises(TokenError, match="must expire within"):
        tokens().issue("mine", MAX_SECONDS * 2)


def test_a_short_secret_stops_the_start() -> None:
    with pytest.raises(SettingsError, match="GATEWAY_JWT_SECRET: expected at least 32 bytes, got 5"):
        tokens(jwt_secret="short")


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.5", "gateway.example.com", ""])
def test_without_a_secret_others_than_this_machine_stop_the_start(host: str) -> None:
    with pytest.raises(SettingsError, match="GATEWAY_JWT_SECRET: expected a secret"):
        tokens(jwt_secret="", host=host)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.5.5.5", "::1", "localhost"])
def test_without_a_secret_this_machine_needs_no_token(host: str) -> None:
    assert not tokens(jwt_secret="", host=host).required


def test_the_command_prints_a_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEWAY_JWT_SECRET", SECRET)
    result = CliRunner().invoke(app, ["gateway-token", "--session", "mine", "--ttl", "60"])
    assert result.exit_code == 0, result.output
    assert Tokens(GatewaySettings(jwt_secret=SECRET)).check(result.stdout.strip()) == Grant("mine")  # type: ignore[arg-type]


def test_the_command_says_what_it_lacks() -> None:
    result = CliRunner().invoke(app, ["gateway-token", "--session", "mine"])
    assert isinstance(result.exception, SettingsError)
    assert "GATEWAY_JWT_SECRET" in str(result.exception)
