"""The folder that the configuration and the credentials lie in."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from sightline.cli.nats_config.keys import Pair, new_authority, new_seed, new_server, public_key
from sightline.cli.nats_config.server import Tls
from sightline.cli.nats_config.services import Service
from sightline.errors import SettingsError, SightlineError

SECRET, OPEN = 0o600, 0o644


@dataclass(frozen=True, slots=True)
class Folder:
    """Where each file lies.

    Attributes:
        path: Absolute: services and servers read their files from there.
    """

    path: Path

    @property
    def config(self) -> Path:
        return self.path / "nats.conf"

    @property
    def tls(self) -> Tls:
        folder = self.path / "tls"
        return Tls(folder / "ca.crt", folder / "server.crt", folder / "server.key")

    @property
    def authority_key(self) -> Path:
        return self.path / "tls" / "ca.key"

    def seed(self, service: str) -> Path:
        return self.path / "seeds" / f"{service}.nk"

    def settings(self, service: str) -> Path:
        return self.path / "env" / f"{service}.env"

    def check_new(self) -> None:
        """Raises SettingsError: there is something in it."""
        if self.path.exists() and (not self.path.is_dir() or any(self.path.iterdir())):
            raise SettingsError(
                f"expected no folder {self.path}, or an empty one: --update keeps its keys and writes the "
                "configuration anew, --force makes new keys for all, and all services need theirs then"
            )

    def check_written(self) -> None:
        """Raises SettingsError: there is no configuration in it."""
        if not self.config.is_file():
            raise SettingsError(f"expected {self.config}, as sightline nats-config writes it; there is none")


def write(path: Path, content: bytes | str, mode: int) -> None:
    """Write a file at once: whoever reads it finds the old one or the new one.

    Raises:
        SightlineError: The folder cannot be written.
    """
    data = content if isinstance(content, bytes) else content.encode()
    fresh = path.with_name(f".{path.name}.new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh.unlink(missing_ok=True)
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
            os.fchmod(file.fileno(), mode)
            file.write(data)
        fresh.replace(path)
    except OSError as error:
        raise SightlineError(f"cannot write {path}: {error.strerror}") from error


def public_keys(folder: Folder, services: Iterable[Service], renew: frozenset[str]) -> Mapping[str, str]:
    """Service -> its public key; a seed is made for those to renew, and for those that have none.

    Raises:
        SettingsError: What lies there is no seed.
    """
    names = [service.name for service in services]
    return {name: _public_key(folder.seed(name), name in renew) for name in names}


def _public_key(file: Path, renew: bool) -> str:
    if renew or not file.is_file():
        write(file, new_seed(), SECRET)
    return public_key(file.read_bytes(), file)


def drop_others(folder: Folder, services: Iterable[Service]) -> None:
    """Remove the files of services that are none any more."""
    names = {service.name for service in services}
    for file in [*folder.path.glob("seeds/*.nk"), *folder.path.glob("env/*.env")]:
        if file.stem not in names:
            file.unlink()


def own_certificates(folder: Folder, hosts: tuple[str, ...], renew_authority: bool) -> Tls:
    """A certificate for these hosts, of this folder's authority, which is made where there is none."""
    files, key = folder.tls, folder.authority_key
    if renew_authority or not (files.ca.is_file() and key.is_file()):
        made = new_authority()
        write(files.ca, made.certificate, OPEN)
        write(key, made.key, SECRET)
    server = new_server(Pair(files.ca.read_bytes(), key.read_bytes()), hosts)
    write(files.certificate, server.certificate, OPEN)
    write(files.key, server.key, SECRET)
    return files
