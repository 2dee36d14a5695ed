"""Who gets in at all, over TLS, and how a credential is exchanged."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import SecretStr

from sightline.bus import Bus
from sightline.cli.nats_config.keys import new_authority, new_seed
from sightline.cli.nats_config.work import write_all
from support.buses import SECONDS, picture, until, until_back
from support.secured import Secured, plan

POLL_SECONDS = 0.02
RELOADED = "Reloaded server configuration"


async def refused(secured: Secured, because: str, **changed: object) -> None:
    """Try to connect with a service's settings, changed like this; return once that is refused."""
    settings = secured.bus_settings("room-ingest").model_copy(update=changed)
    bus = Bus(settings, name="stranger")
    try:
        await bus.start()
        await until(bus, lambda: because in bus.problem.lower())
        assert not bus.connected
    finally:
        await bus.close()


@pytest.mark.parametrize("who", ["nobody", "a user with a password", "another key"])
async def test_nobody_connects_without_a_credential_of_the_configuration(
    fresh: Secured, tmp_path: Path, who: str
) -> None:
    strange = tmp_path / "strange.nk"
    strange.write_bytes(new_seed())
    changed: dict[str, dict[str, object]] = {
        "nobody": {"nkey_seed_file": ""},
        "a user with a password": {"nkey_seed_file": "", "user": "admin", "password": SecretStr("admin")},
        "another key": {"nkey_seed_file": str(strange)},
    }
    async with fresh.server:
        await refused(fresh, "authorization violation", **changed[who])
        async with Bus.open(fresh.bus_settings("room-ingest"), name="known") as bus:
            assert bus.ready


async def test_a_server_of_another_authority_is_not_trusted(fresh: Secured, tmp_path: Path) -> None:
    other = tmp_path / "other.crt"
    other.write_bytes(new_authority().certificate)
    async with fresh.server:
        await refused(fresh, "certificate verify failed", tls_ca=str(other))


async def test_what_crosses_the_network_is_encrypted(fresh: Secured) -> None:
    async with fresh.server:
        reader, writer = await asyncio.open_connection("127.0.0.1", fresh.server.port)
        said = json.loads((await reader.readline()).removeprefix(b"INFO "))
        assert said["tls_required"] is True
        writer.write(b'CONNECT {"verbose":false}\r\nPING\r\n')
        assert b"PONG" not in await reader.read()
        writer.close()
        await writer.wait_closed()


async def reload(secured: Secured) -> None:
    """Have the running server read its configuration; returns once it has."""
    assert secured.server._process is not None
    before = secured.server.log.count(RELOADED)
    os.kill(secured.server._process.pid, signal.SIGHUP)
    async with asyncio.timeout(SECONDS):
        while secured.server.log.count(RELOADED) == before:  # noqa: ASYNC110 - another process's event
            await asyncio.sleep(POLL_SECONDS)


async def test_a_key_that_is_rotated_is_read_by_who_runs_and_the_stolen_one_is_refused(
    fresh: Secured, tmp_path: Path
) -> None:
    stolen = tmp_path / "stolen.nk"
    stolen.write_bytes(fresh.plan.folder.seed("room-ingest").read_bytes())
    async with (
        fresh.server,
        Bus.open(fresh.bus_settings("room-ingest"), name="room-ingest") as bus,
        Bus.open(fresh.bus_settings("captioner"), name="captioner") as bystander,
    ):
        generation = bus.generation
        rotated = replace(fresh.plan, mode="update", rotate=("room-ingest",))
        await asyncio.to_thread(write_all, rotated)
        await reload(fresh)
        await until_back(bus, generation)
        await bus.publish(picture(1))
        assert bystander.generation == 0
        await refused(fresh, "authorization violation", nkey_seed_file=str(stolen))


async def test_no_tls_is_possible_and_keys_are_still_wanted(tmp_path: Path) -> None:
    plain = await asyncio.to_thread(Secured, plan(tmp_path / "nats", tls=False))
    async with plain.server:
        settings = plain.bus_settings("room-ingest")
        assert settings.tls_ca == ""
        async with Bus.open(settings, name="known") as bus:
            assert bus.ready
        await refused(plain, "authorization violation", nkey_seed_file="")
