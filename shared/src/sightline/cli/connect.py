"""The bus, for commands: connected within seconds, or a clear error."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Literal

from sightline.bus import Bus
from sightline.config import BusSettings, ServiceSettings, load
from sightline.errors import BusError
from sightline.log import configure

PATIENCE = 5.0
"""Seconds that somebody at a terminal waits for a connection."""

_CREDENTIALS = re.compile(r"//[^/@\s]+@")


@asynccontextmanager
async def open_bus(settings: BusSettings | None = None) -> AsyncIterator[Bus]:
    """A ready bus that creates and changes nothing, closed at the end.

    Raises:
        BusError: NATS cannot be reached. Says why and what to do.
        SettingsError: A ``NATS_*`` variable has a bad value.
    """
    settings = settings or load(BusSettings)
    bus = Bus(settings, name="cli", verify=False)
    try:
        await bus.start()
        await _wait_ready(bus)
        yield bus
    finally:
        await bus.close()


def quiet_logs(debug: bool) -> None:
    """Logs of the library, for somebody who asked for a command's output: errors only."""
    # Not from the environment: its SIGHTLINE_* are about services, and the doctor tells what is wrong there.
    level: Literal["debug", "error"] = "debug" if debug else "error"
    configure(ServiceSettings.model_construct(log_level=level, log_format="console"), "cli")


def without_credentials(text: str) -> str:
    """The text, with user and password of each URL in it left out.

    >>> without_credentials("cannot reach nats://me:secret@host:4222")
    'cannot reach nats://***@host:4222'
    """
    return _CREDENTIALS.sub("//***@", text)


async def _wait_ready(bus: Bus) -> None:
    try:
        async with asyncio.timeout(PATIENCE):
            await bus.wait_ready()
    except TimeoutError:
        url = bus.settings.url
        raise BusError(
            without_credentials(
                f"expected a NATS server at {url}, within {PATIENCE:g} s: {bus.problem}. Start one, or set "
                "NATS_URL; `sightline doctor` looks closer and `sightline demo` brings its own"
            )
        ) from None
