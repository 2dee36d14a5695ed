"""The text of ``nats.conf``."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sightline.cli.nats_config.rights import Rights
from sightline.cli.nats_config.services import Service
from sightline.topology import STREAMS, MiB

ACCOUNT = "SIGHTLINE"
CLIENT_PORT, MONITOR_PORT, ROUTE_PORT = 4222, 8222, 6222
ANSWER_WITHIN = "2m"
"""How long the answer to a request may take; the longest of ours is a minute."""

SPARE = 1.25
"""Room for what lies around the messages of a stream, over what the streams may hold."""


@dataclass(frozen=True, slots=True)
class Tls:
    """Files of PEM, as the server finds them."""

    ca: Path
    certificate: Path
    key: Path


@dataclass(frozen=True, slots=True)
class Server:
    """What the operator chose.

    Attributes:
        listen: ``host:port`` for clients.
        monitor: ``host:port`` of the monitoring endpoint, which has no password; empty is none.
        store: Folder of JetStream's files.
        routes: ``host:port`` of each server of a cluster; none for a single server.
    """

    listen: str
    monitor: str
    store: str
    tls: Tls | None
    routes: tuple[str, ...] = ()


def render(server: Server, services: Iterable[Service], keys: Mapping[str, str], command: str) -> str:
    """The configuration.

    Args:
        keys: Name of a service -> its public nkey.
        command: How it was made, for whoever makes it again.
    """
    parts = [
        f"# Written by `{command}`: change it by running that again, with --update.",
        *_listening(server),
        *_limits(),
        *_jetstream(server),
        *(_tls(server.tls) if server.tls else ()),
        *(_cluster(server) if server.routes else ()),
        *_accounts(services, keys),
    ]
    return "\n".join(parts) + "\n"


def _listening(server: Server) -> Iterable[str]:
    if server.routes:
        yield "server_name: $NATS_SERVER_NAME  # from the environment: each server's own"
    yield f"listen: {_quoted(server.listen)}"
    if server.monitor:
        yield "# Anybody who reaches it may read it: keep it on the loopback, or behind a NetworkPolicy."
        yield f"http: {_quoted(server.monitor)}"


def _limits() -> Iterable[str]:
    yield ""
    yield f"max_payload: {MiB}"
    yield "max_control_line: 4KB"
    yield "max_connections: 10000"
    yield "max_pending: 64MB"
    yield 'write_deadline: "10s"'
    yield "authorization { timeout: 5 }"


def _jetstream(server: Server) -> Iterable[str]:
    """As much as the streams may hold together, and a little more: one that does not fit is not made."""
    yield ""
    yield "jetstream {"
    yield f"  store_dir: {_quoted(server.store)}"
    for storage in ("memory", "file"):
        held = sum(stream.max_bytes for stream in STREAMS if stream.storage == storage)
        yield f"  max_{storage}_store: {round(held * SPARE)}"
    yield "}"


def _tls(files: Tls, routes: bool = False) -> Iterable[str]:
    yield ""
    yield "tls {"
    yield f"  cert_file: {_quoted(files.certificate)}"
    yield f"  key_file: {_quoted(files.key)}"
    yield f"  ca_file: {_quoted(files.ca)}"
    if routes:
        yield "  verify: true"
    yield '  min_version: "1.3"'
    yield "  timeout: 5"
    yield "}"


def _cluster(server: Server) -> Iterable[str]:
    scheme = "tls" if server.tls else "nats"
    yield ""
    yield "cluster {"
    yield "  name: sightline"
    yield f'  listen: "0.0.0.0:{ROUTE_PORT}"'
    yield f"  routes: {_listed(f'{scheme}://{route}' for route in server.routes)}"
    if server.tls:
        yield from (f"  {line}".rstrip() for line in _tls(server.tls, routes=True))
    yield "}"


def _accounts(services: Iterable[Service], keys: Mapping[str, str]) -> Iterable[str]:
    yield ""
    yield "# No user is in the system account, so nobody reads $SYS; nobody may connect without a key."
    yield "accounts {"
    yield f"  {ACCOUNT} {{"
    yield "    jetstream: enabled"
    yield "    users: ["
    for service in services:
        yield f"      # {service.name}: {service.purpose}"
        yield f"      {{nkey: {keys[service.name]}, permissions: {{"
        yield from (f"        {line}" for line in _permissions(service.allowed))
        yield "      }}"
    yield "    ]"
    yield "  }"
    yield "}"


def _permissions(allowed: Rights) -> Iterable[str]:
    yield f"publish: {{allow: {_listed(sorted(allowed.publish))}}}"
    yield f"subscribe: {{allow: {_listed(sorted(allowed.subscribe))}}}"
    if allowed.answers:
        yield f'allow_responses: {{max: 1, expires: "{ANSWER_WITHIN}"}}'


def _listed(values: Iterable[str]) -> str:
    return "[" + ", ".join(map(_quoted, values)) + "]"


def _quoted(value: object) -> str:
    return json.dumps(str(value), ensure_ascii=False)


def hosts(routes: Sequence[str], given: Sequence[str]) -> tuple[str, ...]:
    """The names and addresses that a certificate of the servers has to hold."""
    of_routes = (route.rpartition(":")[0] for route in routes)
    return tuple(dict.fromkeys(("localhost", "127.0.0.1", "nats", *given, *of_routes)))
