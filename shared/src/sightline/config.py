"""Settings, from the environment. A bad value stops the start with its name."""

from __future__ import annotations

import re
from typing import Any, Literal, TypeVar

from pydantic import Field, SecretStr, ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError as NotJson

from sightline.errors import SettingsError


class Settings(BaseSettings):
    """Base of all settings. Every field has a description: the table in docs/settings.md is made of them."""

    model_config = SettingsConfigDict(extra="ignore", frozen=True)


class BusSettings(Settings):
    """How to reach NATS."""

    model_config = SettingsConfigDict(env_prefix="NATS_")

    url: str = Field("nats://127.0.0.1:4222", description="One server or several, separated by commas.")
    user: str = Field("", description="User name, where the server wants one.")
    password: SecretStr = Field(SecretStr(""), description="Password of `NATS_USER`.")
    nkey_seed_file: str = Field("", description="File with the nkey seed of this service.")
    creds_file: str = Field("", description="File with a JWT and its nkey seed.")
    tls_ca: str = Field("", description="CA bundle of the server's certificate; turns TLS on.")
    inbox_prefix: str = Field("_INBOX", description="Private inbox, where the credential has one.")
    request_timeout: float = Field(2.0, gt=0, description="Seconds one request to the bus may take.")
    stream_replicas: int = Field(1, ge=1, le=5, description="Copies of each stream on a NATS cluster.")
    create_streams: bool = Field(
        True, description="Create streams that are missing; false: wait until somebody who may has."
    )


class ServiceSettings(Settings):
    """What all services share."""

    model_config = SettingsConfigDict(env_prefix="SIGHTLINE_")

    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="Least level logged.")
    log_format: Literal["auto", "json", "console"] = Field(
        "auto", description="`auto`: console on a terminal, JSON elsewhere."
    )
    http_host: str = Field("127.0.0.1", description="Address of /metrics, /livez and /readyz.")
    http_port: int = Field(
        0,
        ge=-1,
        le=65535,
        description="Port of /metrics, /livez and /readyz; 0 picks a free one, -1 is none.",
    )
    drain_seconds: float = Field(10.0, gt=0, description="Seconds that work in hand has after a SIGTERM.")
    trace: Literal["off", "otlp"] = Field(
        "off", description="`otlp`: spans go to `OTEL_EXPORTER_OTLP_ENDPOINT` (extra `tracing`)."
    )


class LiveKitSettings(Settings):
    """How to reach LiveKit."""

    model_config = SettingsConfigDict(env_prefix="LIVEKIT_")

    url: str = Field("ws://127.0.0.1:7880", description="The LiveKit server.")
    api_key: str = Field("", description="API key. `livekit-server --dev` takes `devkey`.")
    api_secret: SecretStr = Field(SecretStr(""), description="API secret. `livekit-server --dev`: `secret`.")


S = TypeVar("S", bound=BaseSettings)


def load(settings: type[S], **overrides: Any) -> S:
    """Read settings from the environment.

    Raises:
        SettingsError: Names each variable that has a bad value, what it has, and what was expected.
    """
    prefix = settings.model_config.get("env_prefix", "")
    try:
        return settings(**overrides)
    except NotJson as error:
        field = re.search(r'field "(\w+)"', str(error))
        name = (prefix + (field[1] if field else "*")).upper()
        raise SettingsError(f"{name}: expected JSON: {error.__cause__ or error}") from None
    except ValidationError as error:
        problems = "; ".join(_explain(prefix, problem) for problem in error.errors(include_url=False))
        raise SettingsError(problems) from None


def _explain(prefix: str, problem: ErrorDetails) -> str:
    name = (prefix + "_".join(map(str, problem["loc"]))).upper()
    secret = any(word in name for word in ("PASSWORD", "SECRET", "KEY", "TOKEN", "OPTIONS"))
    # Without a place it is about all values together, secrets among them.
    came = "" if secret or not problem["loc"] else f", got {str(problem['input'])[:80]!r}"
    return f"{name}: {problem['msg'].removeprefix('Value error, ')}{came}"
