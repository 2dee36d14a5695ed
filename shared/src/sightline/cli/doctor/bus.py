"""Is there a NATS server, has it JetStream, does it take our credential, are the streams right?"""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from sightline import topology
from sightline.bus import Bus
from sightline.cli.connect import open_bus
from sightline.cli.doctor.finding import Finding, fail, ok, warn
from sightline.config import BusSettings, load
from sightline.errors import BusError, SettingsError, SightlineError

CONNECT_SECONDS = 3.0
CLOCK_SECONDS = 60.0
"""LiveKit refuses tokens from a clock that is further off."""

START_ONE = (
    "start one (`docker run -p 4222:4222 nats -js`), or set NATS_URL to where it is; "
    "`sightline demo` brings its own"
)


async def check() -> list[Finding]:
    """NATS from the outside in; the first failure ends it."""
    try:
        settings = load(BusSettings)
    except SettingsError:
        return []  # the check of settings tells
    greeting = await _greeting(settings)
    if isinstance(greeting, Finding):
        return [greeting]
    version = f"nats-server {greeting.get('version', '?')} at {settings.url}"
    if not greeting.get("jetstream"):
        return [fail("nats", f"{version} has no JetStream", "start it with `-js`")]
    try:
        async with open_bus(settings) as bus:
            return [ok("nats", f"{version}, with JetStream"), _clock(bus), *await _streams(bus, settings)]
    except (SightlineError, OSError) as error:
        return [fail("nats", f"{version}: {error}", _mend_connection(greeting, settings))]


async def _greeting(settings: BusSettings) -> dict[str, Any] | Finding:
    """What the first server that answers says of itself before anybody has said who they are."""
    problems = []
    for url in settings.url.split(","):
        try:
            return await _read_info(url.strip())
        except (OSError, ValueError, TimeoutError, asyncio.IncompleteReadError) as error:
            problems.append(f"{url.strip()}: {str(error) or type(error).__name__}")
    return fail("nats", f"no NATS server: {'; '.join(problems)}", START_ONE)


async def _read_info(url: str) -> dict[str, Any]:
    parts = urlsplit(url if "://" in url else f"nats://{url}")
    if parts.scheme in ("ws", "wss"):
        return {"jetstream": True}  # talks WebSocket first; connecting will tell
    async with asyncio.timeout(CONNECT_SECONDS):
        reader, writer = await asyncio.open_connection(parts.hostname or "127.0.0.1", parts.port or 4222)
        try:
            line = await reader.readline()
        finally:
            writer.close()
    if not line.startswith(b"INFO "):
        raise ValueError(f"something else listens there: expected INFO, got {line[:30]!r}")
    info = json.loads(line[5:])
    return info if isinstance(info, dict) else {}


def _mend_connection(greeting: dict[str, Any], settings: BusSettings) -> str:
    if greeting.get("auth_required") and not (
        settings.user or settings.nkey_seed_file or settings.creds_file or "@" in settings.url
    ):
        return (
            "it wants credentials: set NATS_CREDS_FILE, NATS_NKEY_SEED_FILE, or NATS_USER and NATS_PASSWORD"
        )
    if greeting.get("tls_required") and not settings.tls_ca:
        return "it wants TLS: set NATS_TLS_CA to the CA of its certificate"
    return "check the NATS_* settings of this process against the server's accounts"


def _clock(bus: Bus) -> Finding:
    ahead = (datetime.now(UTC) - bus.now()).total_seconds()
    text = f"this host is {abs(ahead):.1f} s {'ahead of' if ahead > 0 else 'behind'} the NATS server"
    if abs(ahead) < CLOCK_SECONDS:
        return ok("clock", text)
    mend = "ages are by the server's clock and stay right, but LiveKit's tokens may not: run NTP on both"
    return warn("clock", text, mend)


async def _streams(bus: Bus, settings: BusSettings) -> list[Finding]:
    try:
        changes = await bus.ensure(topology.streams(settings.stream_replicas), report=True)
    except SightlineError as error:
        mend = "grant this credential the JetStream API, or look with one that may"
        return [fail("streams", str(error), mend if not isinstance(error, BusError) else "try again")]
    drifted = [change for change in changes if change.action == "differs"]
    if not drifted:
        created = [change.stream for change in changes if change.action == "created"]
        text = f"{len(changes)}, as they should be"
        return [ok("streams", f"{text}; created just now: {', '.join(created)}" if created else text)]
    return [fail("streams", str(change), "`sightline init --apply` changes it") for change in drifted]
