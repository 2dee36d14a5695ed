"""Tokens: short-lived JWTs that say which session a client may have.

HS256 and nothing else, so that a token cannot choose how it is checked; an audience, so that another
service's token is none of ours; an expiry that is near. A token opens connections: one that is open
outlives it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_address

import jwt
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sightline.errors import SettingsError, SightlineError
from sightline_gateway.protocol import MAX_SESSION_ID
from sightline_gateway.settings import GatewaySettings

ALGORITHM = "HS256"
LEEWAY = 5
"""Seconds that the clocks of who issues a token and who checks it may differ."""

MAX_SECONDS = 3600
"""A token that lives longer is refused: one that leaks is of use for no longer than that."""

MIN_SECRET = 32
"""Bytes: as long as what HS256 makes of it."""

PARTICIPANT = "client"


class TokenError(SightlineError):
    """A token is not taken. Says why, and nothing of the token itself."""


@dataclass(frozen=True, slots=True)
class Grant:
    """What a token allows: this session, as this participant."""

    session_id: str
    participant: str = PARTICIPANT


class _Claims(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True)

    session: str = Field(min_length=1, max_length=MAX_SESSION_ID)
    sub: str = Field(PARTICIPANT, min_length=1, max_length=MAX_SESSION_ID)
    exp: int | float


class Tokens:
    """Issues tokens and checks them.

    Attributes:
        required: Clients must show one.
    """

    def __init__(self, settings: GatewaySettings, clock: Callable[[], float] = time.time) -> None:
        """
        Raises:
            SettingsError: The secret is too short; or there is none, and other machines can connect.
        """
        self._secret = settings.jwt_secret.get_secret_value()
        self._audience = settings.jwt_audience
        self._clock = clock
        self.required = bool(self._secret)
        if self.required and len(self._secret.encode()) < MIN_SECRET:
            raise SettingsError(
                f"GATEWAY_JWT_SECRET: expected at least {MIN_SECRET} bytes, got "
                f"{len(self._secret.encode())}; `openssl rand -base64 32` makes one"
            )
        if not self.required and not is_loopback(settings.host):
            raise SettingsError(
                f"GATEWAY_JWT_SECRET: expected a secret, because GATEWAY_HOST={settings.host} lets other "
                "machines connect; `openssl rand -base64 32` makes one. Without a secret, listen on 127.0.0.1"
            )

    def issue(self, session_id: str, seconds: float, participant: str = PARTICIPANT) -> str:
        """A token for one session.

        Args:
            seconds: How long it lives, at most ``MAX_SECONDS``.

        Raises:
            SettingsError: There is no secret to sign it with.
            TokenError: It would not be taken.
        """
        if not self.required:
            raise SettingsError("GATEWAY_JWT_SECRET: expected the gateway's secret, to sign the token with")
        now = int(self._clock())
        claims = {
            "aud": self._audience,
            "iat": now,
            "exp": now + seconds,
            "session": session_id,
            "sub": participant,
        }
        token = jwt.encode(claims, self._secret, algorithm=ALGORITHM)
        self.check(token)
        return token

    def check(self, token: str) -> Grant:
        """What a token allows.

        Raises:
            TokenError: It is expired, for somebody else, not signed with our secret, or lives too long.
        """
        try:
            payload = jwt.decode(
                token,
                self._secret,
                algorithms=[ALGORITHM],
                audience=self._audience,
                # The expiry is checked below, on our own clock.
                options={"require": ["exp", "aud"], "verify_exp": False, "verify_iat": False},
                leeway=LEEWAY,
            )
            claims = _Claims.model_validate(payload)
            left = claims.exp - self._clock()
        except jwt.PyJWTError as error:
            raise TokenError(f"the token is not taken: {error}") from None
        except ValidationError as error:
            problem = error.errors(include_url=False, include_input=False)[0]
            place = ".".join(map(str, problem["loc"]))
            raise TokenError(f"the token's claim {place!r} is not taken: {problem['msg']}") from None
        except (ValueError, TypeError, OverflowError) as error:
            raise TokenError(f"the token is not taken: {type(error).__name__}") from None
        # Written so that it also refuses what is no number.
        if not left > -LEEWAY:
            raise TokenError("the token has expired: get a new one")
        if not left <= MAX_SECONDS + LEEWAY:
            raise TokenError(f"the token is not taken: it must expire within {MAX_SECONDS} s of its use")
        return Grant(claims.session, claims.sub)


def is_loopback(host: str) -> bool:
    """Whether only this machine can connect to what listens there."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"
