"""The embedded NATS server, as a process and, where Docker is there, as the container of the tests."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import nats
import psutil
import pytest
from nats.aio.client import Client

from sightline.embedded import EmbeddedError, NatsServer, free_port
from support.nats_server import Server


async def connect(server: Server | NatsServer) -> Client:
    return await nats.connect(server.url, allow_reconnect=False, connect_timeout=10)


async def store(server: Server | NatsServer, payload: bytes) -> None:
    client = await connect(server)
    await client.jetstream().add_stream(name="KEPT", subjects=["kept"], storage="file")
    await client.jetstream().publish("kept", payload)
    await client.close()


async def stored(server: Server | NatsServer) -> bytes | None:
    client = await connect(server)
    message = await client.jetstream().get_last_msg("KEPT", "kept")
    await client.close()
    return message.data


@pytest.mark.faults
@pytest.mark.parametrize("end", ["kill", "stop"])
async def test_port_and_file_store_outlive_a_restart(nats: Server, end: str) -> None:
    url = nats.url
    await store(nats, b"before")
    await getattr(nats, end)()
    assert not nats.running
    with pytest.raises(OSError, match="Connect call failed"):
        await asyncio.open_connection("127.0.0.1", nats.port)
    await nats.start()
    assert nats.running
    assert nats.url == url
    assert await stored(nats) == b"before"


@pytest.mark.faults
async def test_a_paused_server_answers_only_when_it_goes_on(nats: Server) -> None:
    client = await connect(nats)
    nats.pause()
    pong = asyncio.create_task(client.flush(timeout=60))
    done, _ = await asyncio.wait({pong}, timeout=0.3)
    assert not done
    assert nats.running
    nats.resume()
    await pong
    await client.close()


@pytest.mark.faults
@pytest.mark.parametrize("end", ["kill", "stop"])
async def test_a_paused_server_can_be_ended(nats: Server, end: str) -> None:
    nats.pause()
    await getattr(nats, end)()
    assert not nats.running


async def test_a_temporary_store_goes_with_the_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    async with NatsServer() as server:
        await store(server, b"gone")
        assert list(tmp_path.iterdir())
    assert not list(tmp_path.iterdir())


async def test_a_store_of_the_callers_stays_and_serves_the_next(tmp_path: Path) -> None:
    async with NatsServer(store=tmp_path) as server:
        await store(server, b"kept")
    async with NatsServer(store=tmp_path) as another:
        assert await stored(another) == b"kept"


async def test_a_configuration_file_is_obeyed(tmp_path: Path) -> None:
    config = tmp_path / "nats.conf"
    config.write_text('authorization { user: "ann", password: "right" }\nmax_payload: 4096\n')
    async with NatsServer(config=config) as server:
        client = await nats.connect(server.url, user="ann", password="right")
        assert client.max_payload == 4096
        assert await client.jetstream().account_info()
        await client.close()


async def test_more_arguments_reach_the_server() -> None:
    async with NatsServer(args=["--server_name", "eyes"]) as server:
        client = await connect(server)
        assert client._server_info["server_name"] == "eyes"
        await client.close()


async def test_a_port_that_is_taken_is_told_with_the_servers_own_words() -> None:
    async with NatsServer() as first:
        second = NatsServer(port=first.port)
        with pytest.raises(EmbeddedError, match=f"(?s)port {first.port}.*address already in use"):
            await second.start()
        await second.close()
        assert first.running


async def test_a_server_that_cannot_start_shows_the_end_of_its_log(tmp_path: Path) -> None:
    server = NatsServer(config=tmp_path / "absent.conf")
    with pytest.raises(EmbeddedError, match=r"absent\.conf: no such file"):
        await server.start()
    assert not server.running


async def test_a_start_that_is_cancelled_leaves_no_process() -> None:
    server = NatsServer()
    start = asyncio.create_task(server.start())
    while server._process is None:  # noqa: ASYNC110 - the step before is not to be waited for
        await asyncio.sleep(0)
    start.cancel()
    with pytest.raises(asyncio.CancelledError):
        await start
    assert not server.running
    await server.close()


async def test_a_server_that_does_not_stop_in_time_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sightline.embedded.STOP_SECONDS", 0)
    async with NatsServer() as server:
        await server.stop()
        assert not server.running
        await server.start()
        assert server.running


async def test_waiting_ends_with_the_server() -> None:
    async with NatsServer() as server:
        waits = [asyncio.create_task(server.wait()) for _ in range(2)]
        await asyncio.sleep(0)
        waits[0].cancel()
        await asyncio.wait({waits[0]})
        assert not waits[1].done()
        await server.kill()
        await waits[1]
        await server.wait()


async def test_starting_twice_is_refused() -> None:
    async with NatsServer() as server:
        with pytest.raises(EmbeddedError, match="runs already"):
            await server.start()


async def test_a_chosen_port_is_used() -> None:
    port = free_port()
    async with NatsServer(port=port) as server:
        assert server.url == f"nats://127.0.0.1:{port}"
        client = await connect(server)
        await client.close()


PARENT = """
import asyncio
from sightline.embedded import NatsServer

async def main():
    server = NatsServer()
    await server.start()
    print(server._process.pid, flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux can end a child with its parent")
async def test_the_server_ends_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PARENT, stdout=asyncio.subprocess.PIPE, env={"TMPDIR": str(tmp_path)}
    )
    assert parent.stdout is not None
    server = psutil.Process(int(await parent.stdout.readline()))
    assert server.name() == "nats-server"
    parent.kill()
    await parent.wait()
    await asyncio.to_thread(server.wait, 30)
    assert not server.is_running()
