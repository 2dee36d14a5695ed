"""A NATS server with the configuration that `sightline nats-config` writes, and its credentials."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import nats
from nats.aio.client import Client

from sightline.cli.nats_config.plan import Plan
from sightline.cli.nats_config.work import settings, write_all
from sightline.config import BusSettings
from sightline.embedded import NatsServer, find_nats_server
from support.buses import SECONDS


def plan(out: Path, **options: object) -> Plan:
    """What the command does with no options but these."""
    chosen: dict[str, object] = {
        "out": out,
        "mode": "new",
        "rotate": (),
        "workers": (),
        "hosts": (),
        "routes": (),
        "tls": True,
        "given": (None, None, None),
        "listen": "127.0.0.1:4222",
        # Tests run at the same time, and the port is fixed in the configuration.
        "monitor": "",
        "store": "",
        "seen_at": out,
    }
    return Plan(**{**chosen, **options})  # type: ignore[arg-type]


class ConfiguredServer(NatsServer):
    """A server that takes everything but its port from the configuration, its folder among that."""

    async def _command(self) -> list[str | Path]:
        assert self._config is not None
        binary = await asyncio.to_thread(find_nats_server)
        return [binary, "-p", str(self.port), "-c", self._config, *self._args]


class Secured:
    """The written configuration and a server that runs with it."""

    def __init__(self, written: Plan) -> None:
        write_all(written)
        self.plan = written
        self.server = ConfiguredServer(config=written.folder.config)
        self.names = [service.name for service in written.services]

    def environment(self, name: str) -> dict[str, str]:
        """The settings of a service, as the command prints them, with this server's port."""
        [service] = [service for service in self.plan.services if service.name == name]
        return {**settings(self.plan, service), "NATS_URL": self.server.url}

    def bus_settings(self, name: str) -> BusSettings:
        fields = {k.removeprefix("NATS_").lower(): v for k, v in self.environment(name).items()}
        return BusSettings(**fields)  # type: ignore[arg-type]

    @asynccontextmanager
    async def caller(self, name: str) -> AsyncIterator[Caller]:
        """A plain client with the credential of a service, as somebody who stole it has."""
        refused: list[str] = []

        async def note(error: Exception) -> None:
            refused.append(str(error))

        client = await nats.connect(
            self.server.url,
            nkeys_seed=str(self.plan.folder.seed(name)),
            tls=ssl.create_default_context(cafile=self.plan.folder.tls.ca),
            error_cb=note,
            allow_reconnect=False,
            inbox_prefix=f"_INBOX_{name}",
        )
        try:
            yield Caller(name, client, refused)
        finally:
            await client.close()


class Caller:
    """Somebody with a credential, who tries things."""

    def __init__(self, name: str, client: Client, refused: list[str]) -> None:
        self.name = name
        self.client = client
        self._refused = refused

    async def may_publish(self, subject: str) -> bool:
        """Publish nothing there, and say whether the server took it."""
        self._refused.clear()
        await self.client.publish(subject, b"")
        await self._answered()
        return not self._said("publish", subject)

    async def may_subscribe(self, subject: str) -> bool:
        """Subscribe for a moment, and say whether the server took it."""
        self._refused.clear()
        subscription = await self.client.subscribe(subject)
        await self._answered()
        denied = self._said("subscription", subject)
        await subscription.unsubscribe()
        return not denied

    async def until_stored(self, stream: str, subject: str) -> None:
        """Wait until the stream holds a message on this subject, where this credential may look."""
        async with asyncio.timeout(SECONDS):
            while True:
                found = await self.client.request(f"$JS.API.DIRECT.GET.{stream}.{subject}")
                if (found.headers or {}).get("Status") != "404":
                    return

    async def _answered(self) -> None:
        """Ask what everybody may: the answer comes after a refusal of what was said before."""
        # Not a flush: its ping overtakes what waits to be sent.
        await self.client.request("$JS.API.STREAM.INFO.SIGHTLINE_FRAMES")

    def _said(self, kind: str, subject: str) -> bool:
        violation = f'permissions violation for {kind} to "{subject.lower()}"'
        return any(violation in error.lower() for error in self._refused)
