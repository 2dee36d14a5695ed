"""Credentials: what is missing is named, what is revoked ends the connection, no secret is shown."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from pydantic import SecretStr
from structlog.testing import capture_logs

from sightline import topology
from sightline.bus import Bus
from sightline.config import BusSettings
from sightline.embedded import NatsServer
from sightline.errors import BusError, NotPermittedError, SettingsError
from sightline.messages import Lane
from support.buses import SECONDS, picture, pulling, until, until_back, until_lost

ALL = 'publish: ">", subscribe: ">"'
RELOADED = "Reloaded server configuration"
POLL_SECONDS = 0.02


class Guarded:
    """A server with a user `admin`, and a user `worker` whose rights a test sets."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "nats.conf"
        self.grant(ALL)
        self.server = NatsServer(config=self._file)

    def grant(self, rights: str | None) -> None:
        """Write these rights; None: there is no such user."""
        worker = f", {{user: worker, password: s3cret, permissions: {{ {rights} }} }}" if rights else ""
        self._file.write_text(
            f"authorization {{ users: [ {{user: admin, password: admin}} {worker} ] }}", encoding="utf-8"
        )

    async def reload(self, rights: str | None) -> None:
        """Grant these rights, and return once the server has them."""
        self.grant(rights)
        assert self.server._process is not None
        before = self.server.log.count(RELOADED)
        os.kill(self.server._process.pid, signal.SIGHUP)
        async with asyncio.timeout(SECONDS):
            while self.server.log.count(RELOADED) == before:  # noqa: ASYNC110 - another process's event
                await asyncio.sleep(POLL_SECONDS)

    @property
    def worker(self) -> BusSettings:
        return BusSettings(
            url=self.server.url, user="worker", password=SecretStr("s3cret"), request_timeout=0.5
        )

    @property
    def admin(self) -> BusSettings:
        return BusSettings(url=self.server.url, user="admin", password=SecretStr("admin"))


@pytest.fixture
async def guarded(tmp_path: Path) -> AsyncIterator[Guarded]:
    made = Guarded(tmp_path)
    async with made.server:
        async with Bus.open(made.admin, name="init"):
            pass
        yield made


@asynccontextmanager
async def started(settings: BusSettings) -> AsyncIterator[Bus]:
    bus = Bus(settings, name="worker")
    try:
        await bus.start()
        yield bus
    finally:
        await bus.close()


@pytest.mark.parametrize(
    ("denied", "named"),
    [
        ('publish: {deny: "$JS.API.STREAM.INFO.>"}', r"publish to \$JS\.API\.STREAM\.INFO\.SIGHTLINE_FRAMES"),
        ('subscribe: {deny: "_INBOX.>"}', r"subscribe to _inbox\."),
    ],
    ids=["publish", "subscribe"],
)
async def test_a_missing_right_stops_the_start_with_the_subject(
    guarded: Guarded, denied: str, named: str
) -> None:
    await guarded.reload(denied)
    with pytest.raises(NotPermittedError, match=named):
        async with Bus.open(guarded.worker, name="worker"):
            pass


async def test_a_right_missing_at_work_is_named_and_the_bus_not_ready(guarded: Guarded) -> None:
    await guarded.reload('publish: {deny: "sightline.frames.>"}')
    async with Bus.open(guarded.worker, name="worker") as bus:
        with pytest.raises(
            NotPermittedError, match=r"publish to sightline\.frames\.demo\.alice\.TR_1: grant it"
        ):
            await bus.publish(picture(1))
        await until(bus, lambda: not bus.ready)
        assert "sightline.frames.demo.alice.TR_1" in bus.problem


async def test_a_puller_without_the_right_to_its_queue_says_so(guarded: Guarded) -> None:
    await guarded.reload('publish: {deny: ["$JS.API.CONSUMER.>"]}')
    async with (
        Bus.open(guarded.worker, name="worker") as bus,
        pulling(bus.queue(topology.lane_queue("test", Lane.ROUTINE))) as queue,
    ):
        with pytest.raises(NotPermittedError, match=r"CONSUMER\.INFO\.SIGHTLINE_WORK\.test-routine"):
            await queue.take()


@pytest.mark.parametrize("denied", ['publish: {deny: "$JS.API.>"}', 'subscribe: {deny: "_INBOX.>"}'])
async def test_a_right_that_is_granted_later_is_found(
    guarded: Guarded, denied: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sightline.bus.keeper.DENIED_PAUSE", 1.0)
    await guarded.reload(denied)
    async with started(guarded.worker) as bus:
        await until(bus, lambda: "may not" in bus.problem)
        assert not bus.ready
        await guarded.reload(ALL)
        await until_back(bus)
        await bus.publish(picture(1))


async def test_a_refused_password_is_no_end_and_the_right_one_is_found(guarded: Guarded) -> None:
    await guarded.reload(None)
    async with started(guarded.worker) as bus:
        await until(bus, lambda: "authorization violation" in bus.problem.lower())
        assert not bus.ready
        await guarded.reload(ALL)
        await until_back(bus)
        assert bus._connection.refused_for == 0  # or it would give up on a good connection


async def test_a_user_that_is_removed_ends_the_connection_for_good_and_says_why(
    guarded: Guarded, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sightline.bus.keeper.CREDENTIAL_SECONDS", 1.0)
    async with Bus.open(guarded.worker, name="worker") as bus:
        await guarded.reload(None)
        await until(bus, lambda: "for good" in bus.problem)
        await bus.wait_closed()
        assert not bus.ready
        assert "authorization" in bus.problem.lower()
        with pytest.raises(Exception, match="for good"):
            await bus.publish(picture(1))


async def test_no_password_of_a_url_is_shown(guarded: Guarded) -> None:
    secret = guarded.server.url.replace("//", "//worker:s3cret@")
    with capture_logs() as logs:
        async with Bus.open(BusSettings(url=secret), name="worker") as bus:
            await guarded.server.stop()
            await until_lost(bus)
            await until(bus, lambda: "cannot reach" in bus.problem)
            with pytest.raises(BusError) as refused:
                await bus.publish(picture(1))
            assert "s3cret" not in bus.problem + str(refused.value)
            assert str(guarded.server.port) in bus.problem
    assert "s3cret" not in str(logs)


@pytest.mark.parametrize(
    ("variable", "settings"),
    [
        ("NATS_CREDS_FILE", {"creds_file": "/nowhere/worker.creds"}),
        ("NATS_NKEY_SEED_FILE", {"nkey_seed_file": "/nowhere/worker.nk"}),
        ("NATS_TLS_CA", {"tls_ca": "/nowhere/ca.pem"}),
        ("NATS_URL", {"url": "http://127.0.0.1:4222"}),
        ("NATS_URL", {"url": "nats://127.0.0.1:port"}),
    ],
)
async def test_a_setting_that_cannot_be_used_stops_the_start_with_its_name(
    variable: str, settings: dict[str, str]
) -> None:
    with pytest.raises(SettingsError, match=variable):
        async with Bus.open(BusSettings(**settings), name="worker"):  # type: ignore[arg-type]
            pass


async def test_an_nkey_and_a_private_inbox_are_enough(tmp_path: Path) -> None:
    import nkeys

    pair = nkeys.from_seed(SEED)
    config = tmp_path / "nats.conf"
    public = pair.public_key.decode()
    config.write_text(
        f"authorization {{ users: [ {{nkey: {public}, permissions: "
        '{subscribe: ["_INBOX_worker.>", "sightline.>"], publish: ">"} } ] }'
    )
    seed = tmp_path / "worker.nk"
    seed.write_bytes(SEED)
    async with NatsServer(config=config) as server:
        settings = BusSettings(url=server.url, nkey_seed_file=str(seed), inbox_prefix="_INBOX_worker")
        async with Bus.open(settings, name="worker") as bus:
            await bus.publish(picture(1))
            assert bus.ready


SEED = b"SUAMK2FG4MI6UE3ACF3FK3OIQBCEIEZV7NSWFFEW63UXMRLFM2XLAXK4GY"
