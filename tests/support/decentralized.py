"""A NATS server of operators, accounts and users, whose credentials are JWTs that may expire."""

from __future__ import annotations

import base64
import json
import os
import time
from pathlib import Path

import nkeys

from sightline.config import BusSettings
from sightline.embedded import NatsServer

ANYTHING: dict[str, object] = {"subs": -1, "data": -1, "payload": -1}
UNLIMITED = {**ANYTHING, "conn": -1, "mem_storage": -1, "disk_storage": -1, "streams": -1, "consumer": -1}
"""Of a user, and of an account; what is not named is 0, and so forbidden."""

SOON = 4
"""Seconds that a credential lives, in which whoever uses it has connected."""

CREDENTIALS = """\
-----BEGIN NATS USER JWT-----
{jwt}
------END NATS USER JWT------

-----BEGIN USER NKEY SEED-----
{seed}
------END USER NKEY SEED------
"""


class Decentralized:
    """An operator with one account, and a server that trusts them.

    Args:
        folder: Where its files go.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._account = _pair(nkeys.PREFIX_BYTE_ACCOUNT)
        operator, system = _pair(nkeys.PREFIX_BYTE_OPERATOR), _pair(nkeys.PREFIX_BYTE_ACCOUNT)
        trusted = _jwt(operator, operator, {"type": "operator", "system_account": _name(system)})
        accounts = {
            _name(self._account): _jwt(self._account, operator, {"type": "account", "limits": UNLIMITED}),
            _name(system): _jwt(system, operator, {"type": "account"}),
        }
        preloaded = "\n".join(f"{name}: {jwt}" for name, jwt in accounts.items())
        config = folder / "nats.conf"
        config.write_text(
            f"operator: {trusted}\nresolver: MEMORY\nresolver_preload: {{\n{preloaded}\n}}\n",
            encoding="utf-8",
        )
        self.server = NatsServer(config=config)

    def credential(self, seconds: float | None = None, name: str = "worker") -> Path:
        """Write, or write anew, the file of a user who may do everything.

        Args:
            seconds: From now until it expires, in whole seconds of the clock; None is never.
        """
        user = _pair(nkeys.PREFIX_BYTE_USER)
        expiry = {} if seconds is None else {"exp": int(time.time() + seconds)}
        jwt = _jwt(user, self._account, {"type": "user", **ANYTHING}, **expiry)
        file, fresh = self._folder / f"{name}.creds", self._folder / f"{name}.fresh"
        fresh.write_text(CREDENTIALS.format(jwt=jwt, seed=user.seed.decode()), encoding="utf-8")
        return fresh.replace(file)  # at once: whoever reads it finds the one or the other

    def settings(self, file: Path) -> BusSettings:
        """Of a service with this credential."""
        return BusSettings(url=self.server.url, creds_file=str(file))


def _pair(kind: int) -> nkeys.KeyPair:
    return nkeys.from_seed(nkeys.encode_seed(os.urandom(32), kind))


def _name(pair: nkeys.KeyPair) -> str:
    return str(pair.public_key.decode())


def _jwt(subject: nkeys.KeyPair, issuer: nkeys.KeyPair, about: dict[str, object], **claims: int) -> str:
    """What the issuer says about the subject, in version 2 of NATS's format."""
    said = {
        "jti": os.urandom(16).hex(),
        "iat": int(time.time()),
        "iss": _name(issuer),
        "name": str(about["type"]),
        "sub": _name(subject),
        "nats": {"version": 2, **about},
        **claims,
    }
    signed = ".".join(_encoded(json.dumps(part).encode()) for part in (HEADER, said))
    return f"{signed}.{_encoded(issuer.sign(signed.encode()))}"


HEADER = {"typ": "JWT", "alg": "ed25519-nkey"}


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
