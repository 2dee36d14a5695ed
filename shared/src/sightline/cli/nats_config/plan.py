"""What is to be written, checked."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from sightline.cli.nats_config.folder import Folder
from sightline.cli.nats_config.server import Server, Tls, hosts
from sightline.cli.nats_config.services import Service, services
from sightline.errors import SettingsError

_STAGE = re.compile(r"[A-Za-z0-9_-]{1,64}")
_ADDRESS = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^\s:\[\]]+):(\d{1,5})")
_HOST = re.compile(r"[A-Za-z0-9._:*-]{1,253}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The options of the command.

    Attributes:
        mode: ``new`` wants an empty folder, ``force`` makes new keys, ``update`` keeps those there are.
        rotate: Services that get new keys in an update.
        given: CA, certificate and key, all or none.
        seen_at: The folder, as servers and services see it.
    """

    out: Path
    mode: Literal["new", "force", "update"]
    rotate: tuple[str, ...]
    workers: tuple[str, ...]
    hosts: tuple[str, ...]
    routes: tuple[str, ...]
    tls: bool
    given: tuple[Path | None, Path | None, Path | None]
    listen: str
    monitor: str
    store: str
    seen_at: Path

    @property
    def folder(self) -> Folder:
        return Folder(self.out)

    @property
    def seen(self) -> Folder:
        return Folder(self.seen_at)

    @property
    def services(self) -> tuple[Service, ...]:
        return services(self.workers)

    @property
    def all_hosts(self) -> tuple[str, ...]:
        return hosts(self.routes, self.hosts)

    @property
    def url(self) -> str:
        """Where services connect."""
        port = self.listen.rpartition(":")[2]
        of_routes = [route.rpartition(":")[0] for route in self.routes]
        names = self.hosts or of_routes or ["localhost"]
        return ",".join(f"nats://{_bracketed(name)}:{port}" for name in names)

    @property
    def command(self) -> str:
        """The command line that says the same."""
        options: list[tuple[str, Iterable[object]]] = [
            ("worker", self.workers),
            ("host", self.hosts),
            ("cluster", [",".join(self.routes)] if self.routes else []),
            ("listen", [self.listen]),
            ("monitor", [self.monitor or "none"]),
            ("store", [self.store] if self.store else []),
            ("mounted-at", [self.seen_at] if self.seen_at != self.out else []),
            *zip(("tls-ca", "tls-cert", "tls-key"), ([g] if g else [] for g in self.given), strict=True),
        ]
        said = [f"--{name}={value}" for name, values in options for value in values]
        return shlex.join(["sightline", "nats-config", *said, *([] if self.tls else ["--no-tls"])])

    def server(self, tls: Tls | None) -> Server:
        store = self.store or str(self.seen_at / "jetstream")
        return Server(self.listen, self.monitor, store, tls, self.routes)

    def check(self) -> None:
        """Raises SettingsError: names the option, what it has, and what was expected."""
        for stage in self.workers:
            taken = {service.name for service in services()}
            if not _STAGE.fullmatch(stage) or stage in taken or self.workers.count(stage) > 1:
                raise SettingsError(
                    f"--worker: expected another stage's name, of letters, digits, _ and -, got {stage!r}"
                )
        names = [service.name for service in self.services]
        for name in self.rotate:
            if name not in names:
                raise SettingsError(f"--rotate: expected one of {', '.join(names)}, got {name!r}")
        if self.rotate and self.mode != "update":
            raise SettingsError("--rotate: expected with --update; without it all keys are new")
        for host in self.hosts:
            if not _HOST.fullmatch(host):
                raise SettingsError(f"--host: expected a host name or an address, got {host!r}")
        self._check_addresses()
        self._check_tls()

    def _check_addresses(self) -> None:
        if self.routes and len(self.routes) < 3:
            raise SettingsError(
                f"--cluster: expected three servers or more, got {len(self.routes)}: "
                "two go on with neither of them lost"
            )
        addresses = [("--cluster", route) for route in self.routes] + [("--listen", self.listen)]
        for option, address in [*addresses, ("--monitor", self.monitor or "none:0")]:
            found = _ADDRESS.fullmatch(address)
            if not found or int(found[2]) > 65535:
                raise SettingsError(f"{option}: expected host:port, got {address!r}")

    def _check_tls(self) -> None:
        if any(self.given) and not all(self.given):
            raise SettingsError("--tls-ca, --tls-cert, --tls-key: expected all three, or none of them")
        if any(self.given) and not self.tls:
            raise SettingsError("--no-tls: expected without --tls-ca, --tls-cert and --tls-key")
        for file in filter(None, self.given):
            if not file.is_file():
                raise SettingsError(f"--tls-ca, --tls-cert, --tls-key: expected files, got {str(file)!r}")


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
