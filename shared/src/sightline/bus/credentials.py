"""Where the NATS servers are and what a client shows them, out of the settings."""

from __future__ import annotations

import re
import ssl
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from sightline.config import BusSettings
from sightline.errors import SettingsError

_SECRET = re.compile(r"//[^/@,]*@")
SCHEMES = ("nats", "tls", "ws", "wss")


def servers(given: BusSettings) -> list[str]:
    """The servers' URLs.

    Raises:
        SettingsError: One of them is none, which nats-py would try for ever.
    """
    urls = [url.strip() for url in given.url.split(",")]
    for url in urls:
        try:
            parts = urlsplit(url if "//" in url else f"nats://{url}")
            usable = parts.scheme in SCHEMES and parts.hostname and parts.port != 0
        except ValueError:
            usable = False
        if not usable:
            raise SettingsError(
                "NATS_URL: expected nats://host:port, or several of them separated by commas, "
                f"got {shown(given.url)!r}"
            )
    return urls


def shown(urls: str) -> str:
    """URLs without users and passwords."""
    return _SECRET.sub("//", urls)


def credentials(given: BusSettings) -> dict[str, Any]:
    """Arguments of nats-py's ``connect``. Reads files, so it blocks.

    Raises:
        SettingsError: Names the variable of the file that cannot be used.
    """
    found: dict[str, Any] = {}
    if given.user:
        found |= {"user": given.user, "password": given.password.get_secret_value()}
    if given.nkey_seed_file:
        found["nkeys_seed"] = _readable("NATS_NKEY_SEED_FILE", given.nkey_seed_file)
    if given.creds_file:
        found["user_credentials"] = _readable("NATS_CREDS_FILE", given.creds_file)
    if given.tls_ca:
        try:
            found["tls"] = ssl.create_default_context(cafile=given.tls_ca)
        except OSError as error:
            raise SettingsError(
                f"NATS_TLS_CA: expected a file of PEM certificates, got {given.tls_ca!r}: {error}"
            ) from error
    return found


def _readable(variable: str, path: str) -> str:
    """The path: nats-py reads the file itself, again at each connection, so it can be rotated."""
    try:
        Path(path).read_bytes()
    except OSError as error:
        raise SettingsError(f"{variable}: expected a file, got {path!r}: {error.strerror}") from error
    return path
