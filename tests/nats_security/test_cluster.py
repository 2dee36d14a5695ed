"""Three servers with the generated configuration: routes over TLS, and each stream on all of them."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from sightline import topology
from sightline.bus import Bus
from sightline.embedded import HOST, free_port
from support.buses import SECONDS
from support.secured import ConfiguredServer, Secured, plan


def of_one_host(secured: Secured) -> list[Path]:
    """The configuration for each of the servers, with a folder and a port of routes of its own.

    On three hosts it is one file for all.
    """
    folder, text = secured.plan.out, secured.plan.folder.config.read_text()
    files = []
    for route in secured.plan.routes:
        number = route.rpartition(":")[2]
        own = text.replace(f"{folder}/jetstream", f"{folder}/jetstream-{number}")
        files.append(folder / f"{number}.conf")
        files[-1].write_text(own.replace("0.0.0.0:6222", route))
    return files


async def test_three_servers_hold_each_stream_three_times(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    routes = tuple(f"{HOST}:{free_port()}" for _ in range(3))
    secured = await asyncio.to_thread(Secured, plan(tmp_path / "nats", routes=routes))
    async with AsyncExitStack() as stack, asyncio.timeout(2 * SECONDS):
        servers = []
        for number, config in enumerate(await asyncio.to_thread(of_one_host, secured)):
            monkeypatch.setenv("NATS_SERVER_NAME", f"n{number}")
            servers.append(await stack.enter_async_context(ConfiguredServer(config=config)))
        urls = ",".join(server.url for server in servers)
        settings = secured.bus_settings("room-ingest").model_copy(update={"url": urls})
        bus = await stack.enter_async_context(Bus.open(settings, name="room-ingest"))
        for stream in topology.STREAMS:
            cluster = (await bus._jetstream.api(f"STREAM.INFO.{stream.name}"))["cluster"]
            assert len(cluster["replicas"]) == 2, stream.name
