"""The hosts that images may be fetched from."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Self

from yarl import URL

_HOST = re.compile(r"[\w.:-]+")
_EXPECTED = "expected a host such as cdn.example.com, *.example.com or http://host:8080"


@dataclass(frozen=True, slots=True)
class Origin:
    """One entry of the list: a scheme, a host and a port.

    Attributes:
        scheme: ``https``, unless the entry says ``http://``.
        host: In lower case; with ``wild``, what the host must end with after a dot.
        port: The scheme's own, unless the entry names one.
    """

    scheme: str
    host: str
    port: int
    wild: bool = False

    @classmethod
    def parse(cls, entry: str) -> Self:
        """Raises ValueError: the entry is no host."""
        text = entry if "://" in entry else f"https://{entry}"
        wild = "://*." in text
        try:
            url = URL(text.replace("://*.", "://", 1))
            host, port = url.host or "", url.port
        except ValueError:
            host, port = "", None
        if not host or port is None or url.scheme not in ("https", "http") or url.path not in ("", "/"):
            raise ValueError(f"{_EXPECTED}, got {entry!r}")
        if not _HOST.fullmatch(host) or url.user or url.query_string or url.fragment:
            raise ValueError(f"{_EXPECTED}, got {entry!r}")
        return cls(url.scheme, host.lower().rstrip("."), port, wild)

    def allows(self, url: URL) -> bool:
        """Whether a URL leads here."""
        host = (url.host or "").lower().rstrip(".")
        same = host.endswith(f".{self.host}") if self.wild else host == self.host
        return same and (url.scheme, url.port) == (self.scheme, self.port)
