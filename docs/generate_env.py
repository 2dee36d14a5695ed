"""Writes .env.example, which `make up` makes .env of; ``--check`` only compares.

Every setting of every settings class is in it, as a comment, with its default. What containers need
otherwise is in ``IN_CONTAINERS``.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

import generate_settings as settings
from generated import ROOT, write_or_check

FILE = ROOT / ".env.example"
WIDTH = 110

HEAD = """\
# The settings of docker-compose.yml and of all services. `make up` copies this file to .env, with secrets.
# Written by docs/generate_env.py.

# --- Secrets. Compose starts nothing without them.

LIVEKIT_API_KEY=sightline
# At least 32 characters.
LIVEKIT_API_SECRET=
# Signs the tokens that clients of the gateway show; at least 32 bytes.
GATEWAY_JWT_SECRET=

# --- Compose itself

COMPOSE_PROJECT_NAME=sightline
# Images are called PREFIX-SERVICE:TAG.
# SIGHTLINE_IMAGES=sightline
# SIGHTLINE_TAG=latest
# NATS_IMAGE=nats:2.15.1-alpine
# LIVEKIT_IMAGE=livekit/livekit-server:v1.13.5
# NATS_CONFIG=./deploy/nats/nats.conf
# A credential for each service, and TLS: deploy/docker/credentials makes them, into NATS_GENERATED.
# COMPOSE_FILE=docker-compose.yml:deploy/docker/credentials.yml
# NATS_GENERATED=./deploy/nats/generated
# Address of this machine that LiveKit and the gateway are published at; 0.0.0.0 is every one.
# PUBLISH_ADDRESS=127.0.0.1
# LIVEKIT_PORT=7880
# LIVEKIT_TCP_PORT=7881
# LIVEKIT_UDP_PORT=7882
# GATEWAY_PUBLISH_PORT=8090
# Profiles that are up, separated by commas: observability, local-model.
# COMPOSE_PROFILES=
# PROMETHEUS_PORT=9090
# GRAFANA_PORT=3000
# GRAFANA_PASSWORD=admin
# TRACES_PORT=16686
# With SIGHTLINE_TRACE=otlp.
# OTEL_EXPORTER_OTLP_ENDPOINT=http://traces:4318
# Address at which participants reach LiveKit's media, where it is not the container's own.
# LIVEKIT_NODE_IP=
"""

ABOVE = {"LIVEKIT_API_KEY", "LIVEKIT_API_SECRET", "GATEWAY_JWT_SECRET"}
"""Settings that `HEAD` has."""

IN_CONTAINERS = {
    "NATS_URL": "nats://nats:4222",
    "LIVEKIT_URL": "ws://livekit:7880",
    "SIGHTLINE_HTTP_HOST": "0.0.0.0",
    "SIGHTLINE_HTTP_PORT": "8080",
    "AGENT_HTTP_HOST": "0.0.0.0",
    "AGENT_METRICS_PORT": "8080",
    "GATEWAY_HOST": "0.0.0.0",
}
"""What docker-compose.yml or the images set, in the place of the default."""


def example() -> str:
    """The file's text."""
    seen = set(ABOVE)
    return "\n".join([HEAD, *(_section(each, seen) for each in settings.classes())])


def _section(which: type[settings.Settings], seen: set[str]) -> str:
    title = (which.__doc__ or which.__name__).splitlines()[0]
    return "\n".join([f"# --- {title}", "", *_lines(which, seen)])


def _lines(which: type[settings.Settings], seen: set[str]) -> Iterator[str]:
    for name, field in which.model_fields.items():
        variable = settings.variable(which, name, field)
        if name not in which.__annotations__ or variable in seen:
            continue
        seen.add(variable)
        about = field.description or ""
        yield from textwrap.wrap(about, WIDTH, initial_indent="# ", subsequent_indent="# ")
        yield f"# {variable}={_value(variable, settings.default_text(field))}"
    yield ""


def _value(variable: str, default: str) -> str:
    """As both versions of compose read it: quoted where blanks or quotes are in it."""
    value = IN_CONTAINERS.get(variable, default)
    if not any(character in value for character in " \n\"'#$"):
        return value
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("$", "$$").replace("\n", "\\n")
    return f'"{escaped}"'


if __name__ == "__main__":
    write_or_check(__doc__, lambda: {FILE: example()})
