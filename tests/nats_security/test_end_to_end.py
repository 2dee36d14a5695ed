"""The services as processes, each with its own credential, over TLS: from a file to an agent's turn."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from sightline.embedded import free_port, tethered
from sightline.messages import Trigger
from sightline_gateway.client import GatewayClient
from support.clips import three_scenes
from support.command_line import python, sightline
from support.encoded import encoded
from support.secured import Secured
from support.services import ServiceProcess

# Longer than any of the tests: what the clip shows is still in view, however slow the machine is.
PATIENT = {"AGENT_LOOK_SECONDS": "20", "AGENT_MAX_CAPTION_AGE": "600", "NO_COLOR": "1"}


@asynccontextmanager
async def service(
    secured: Secured, name: str, *module: str, **settings: str
) -> AsyncIterator[ServiceProcess]:
    """A service with its own credential, which is ready."""
    process = await asyncio.create_subprocess_exec(
        *tethered(sys.executable, "-m", *module),
        stderr=PIPE,
        env={**os.environ, "SIGHTLINE_LOG_FORMAT": "json", **secured.environment(name), **settings},
    )
    started = ServiceProcess(process)
    try:
        await started.event("service_started")
        await started.until_ready()
        yield started
        assert await started.until_ready() == {}
        started.tell()
        assert await started.ended() == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()


@pytest.mark.slow
async def test_a_file_reaches_an_agents_turn_with_each_service_under_its_own_credential(
    fresh: Secured, tmp_path: Path
) -> None:
    clip = await asyncio.to_thread(three_scenes, tmp_path / "clip.mp4")
    show = ("--source", str(clip), "--room", "demo", "--participant", "alice", "--loop")
    gateway = {"GATEWAY_PORT": str(free_port()), "GATEWAY_FRAME_WAIT": "5"}
    async with (
        fresh.server,
        service(fresh, "room-ingest", "sightline_ingest", *show),
        service(fresh, "captioner", "sightline_captioner"),
        service(fresh, "encoder", "sightline_encoder"),
        service(fresh, "gateway", "sightline_gateway", **gateway),
    ):
        ask = ("chat", "--room", "demo", "--ask", "What do you see?", "--json")
        asked = await python("-m", "sightline.cli", *ask, **fresh.environment("agent"), **PATIENT)
        assert asked.code == 0, asked.err
        [turn] = asked.records
        assert [(shown["participant"], shown["stage"]) for shown in turn["shown"]] == [("alice", "captioner")]
        async with GatewayClient(f"http://127.0.0.1:{gateway['GATEWAY_PORT']}/") as client:
            await client.send_frame(encoded("WEBP", (640, 360), "#c81e1e"), trigger=Trigger.INITIAL)
            assert "client's camera, " in (await client.ask("What is that?")).text
        for command in (("init",), ("ps",), ("capture", "demo", "alice"), ("ask", "demo", "alice", "What?")):
            did = await sightline(*command, "--json", **fresh.environment("admin"))
            assert did.code == 0, (command, did.err)
            assert [json.loads(line) for line in did.out.splitlines()]
        assert "Violation" not in fresh.server.log
