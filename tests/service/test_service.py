"""The life of a service, as whoever runs it meets it: a process, its endpoints and its exit status."""

from __future__ import annotations

import json
import signal
import socket
from pathlib import Path

import pytest
from nats.js.api import StorageType

from sightline import topology
from sightline.embedded import HOST, NatsServer, free_port
from support.buses import raw
from support.nats_server import Server
from support.services import running


async def test_without_nats_it_lives_and_says_what_it_waits_for_and_is_ready_when_nats_comes() -> None:
    server = NatsServer(port=free_port())
    async with running("work", NATS_URL=server.url) as service:
        await service.event("service_started")
        assert await service.get("/livez") == (200, "alive\n")
        problems = await service.until_ready(False)
        assert str(server.port) in problems["bus"]
        async with server:
            await service.event("working")
            assert await service.until_ready() == {}
            service.tell()
            await service.event("work_finished")
            assert await service.ended() == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_told_to_stop_it_finishes_what_is_in_hand_and_exits_with_0(
    nats: Server, number: signal.Signals
) -> None:
    async with running("work", NATS_URL=nats.url) as service:
        await service.event("working")
        service.tell(number)
        await service.event("service_stopping")
        await service.event("work_finished")
        await service.event("service_stopped")
        assert await service.ended() == 0


async def test_told_to_stop_before_nats_came_it_exits_with_0() -> None:
    async with running("work", NATS_URL=f"nats://{HOST}:{free_port()}") as service:
        await service.event("service_started")
        service.tell()
        await service.event("service_stopped")
        assert await service.ended() == 0


@pytest.mark.parametrize("does", ["hang", "block"])
async def test_told_twice_it_exits_at_once_even_with_its_loop_blocked(nats: Server, does: str) -> None:
    async with running(does, NATS_URL=nats.url, SIGHTLINE_DRAIN_SECONDS="3600") as service:
        await service.event("working")
        service.tell()
        service.tell(signal.SIGINT)  # another one, because two of a kind that wait are one
        assert await service.ended() == 1


@pytest.mark.parametrize("does", ["hang", "hang_in_a_thread"])
async def test_work_that_does_not_end_cannot_keep_it(nats: Server, does: str) -> None:
    async with running(does, NATS_URL=nats.url, SIGHTLINE_DRAIN_SECONDS="0.1") as service:
        await service.event("working")
        service.tell()
        assert await service.ended() == 1


async def test_work_that_raises_ends_it_with_1_and_the_reason_in_the_log(nats: Server) -> None:
    async with running("fail", NATS_URL=nats.url) as service:
        entry = await service.event("service_failed")
        assert entry["level"] == "error"
        assert "ValueError: a bug" in entry["exception"]
        assert await service.ended() == 1


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("SIGHTLINE_LOG_LEVEL", "loud"),
        ("SIGHTLINE_HTTP_PORT", "eighty"),
        ("NATS_REQUEST_TIMEOUT", "-1"),
        ("NATS_URL", "http://127.0.0.1"),
        ("NATS_CREDS_FILE", "/nowhere/service.creds"),
    ],
)
async def test_a_bad_setting_ends_it_with_2_and_one_line_that_names_it(variable: str, value: str) -> None:
    async with running("work", **{variable: value}) as service:
        assert await service.ended() == 2
    said = [line for line in service.lines if not line.startswith("{")]
    assert len(said) == 1
    assert variable in said[0]
    assert value in said[0]


async def test_a_port_that_is_taken_ends_it_with_2_and_the_variable() -> None:
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        taken.listen()
        port = taken.getsockname()[1]
        async with running("work", SIGHTLINE_HTTP_PORT=str(port)) as service:
            assert await service.ended() == 2
    assert f"SIGHTLINE_HTTP_PORT: cannot listen on 127.0.0.1:{port}" in service.lines[-1]


async def test_a_stream_with_other_settings_ends_it_with_1_and_both_values(nats: Server) -> None:
    async with raw(nats.url) as client:
        await client.jetstream().add_stream(
            name=topology.FRAMES.name, subjects=list(topology.FRAMES.subjects), storage=StorageType.FILE
        )
    async with running("work", NATS_URL=nats.url) as service:
        entry = await service.event("service_failed")
        assert "SIGHTLINE_FRAMES.storage: wanted 'memory', found 'file'" in entry["reason"]
        assert await service.ended() == 1


@pytest.mark.parametrize("lacks", ["a right", "the user"])
async def test_a_credential_that_is_not_enough_keeps_it_alive_and_not_ready(
    tmp_path: Path, lacks: str
) -> None:
    denied = 'permissions: {publish: {deny: "$JS.API.STREAM.>"}}'
    user = (
        f"{{user: worker, password: s3cret, {denied}}}"
        if lacks == "a right"
        else "{user: other, password: x}"
    )
    config = tmp_path / "nats.conf"
    config.write_text(f"authorization {{ users: [ {user} ] }}")
    async with (
        NatsServer(config=config) as server,
        running("work", NATS_URL=server.url, NATS_USER="worker", NATS_PASSWORD="s3cret") as service,
    ):
        await service.event("bus_refused" if lacks == "a right" else "service_started")
        named = "publish to $JS.API.STREAM.INFO.SIGHTLINE_FRAMES" if lacks == "a right" else "Authorization"
        await service.until_ready(False, naming=named)
        assert (await service.get("/livez"))[0] == 200


@pytest.mark.slow
async def test_a_credential_that_is_revoked_ends_it_with_1(tmp_path: Path) -> None:
    config = tmp_path / "nats.conf"
    users = "authorization {{ users: [ {{user: {}, password: s3cret}} ] }}"
    config.write_text(users.format("worker"))
    async with (
        NatsServer(config=config) as server,
        running("work", NATS_URL=server.url, NATS_USER="worker", NATS_PASSWORD="s3cret") as service,
    ):
        await service.event("working")
        config.write_text(users.format("somebody"))
        assert server._process is not None
        server._process.send_signal(signal.SIGHUP)
        entry = await service.event("service_failed")
        assert entry["error"] == "BusClosedError"
        assert "for good" in entry["reason"]
        assert await service.ended() == 1


@pytest.mark.faults
async def test_it_is_not_ready_while_nats_is_away_and_ready_again_afterwards(nats: Server) -> None:
    async with running("work", NATS_URL=nats.url) as service:
        await service.event("working")
        await nats.kill()
        assert "bus" in await service.until_ready(False)
        assert (await service.get("/livez"))[0] == 200
        await nats.start()
        await service.until_ready()
        service.tell()
        assert await service.ended() == 0


async def test_what_the_work_lacks_is_named_and_metrics_are_served(nats: Server) -> None:
    async with running("lack_a_camera", NATS_URL=nats.url) as service:
        await service.event("working")
        assert await service.until_ready(False) == {"camera": "no camera is plugged in"}
        status, text = await service.get("/metrics")
        assert status == 200
        assert "sightline_bus_up 1.0" in text


async def test_every_line_of_its_log_is_one_json_object(nats: Server) -> None:
    async with running("work", NATS_URL=nats.url, SIGHTLINE_LOG_LEVEL="debug") as service:
        await service.event("working")
        service.tell()
        await service.ended()
    entries = [json.loads(line) for line in service.lines]
    assert {entry["service"] for entry in entries} == {"program"}
    assert all({"event", "level", "timestamp"} <= entry.keys() for entry in entries)
