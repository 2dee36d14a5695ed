"""Whoever cannot wait for a service to finish tells it twice."""

from __future__ import annotations

import asyncio
import signal

import pytest

from support.livekit_server import LiveKitServer
from support.nats_server import Server
from support.system import AGENT, CAPTIONER, ENCODER, GATEWAY, INGEST, running_system

pytestmark = pytest.mark.livekit


@pytest.mark.parametrize("module", [INGEST, CAPTIONER, ENCODER, AGENT, GATEWAY], ids=lambda module: module[0])
async def test_told_twice_a_service_exits_at_once(
    nats: Server, livekit: LiveKitServer, module: tuple[str, ...]
) -> None:
    async with running_system(nats.url, livekit) as system:
        settings = {
            "SIGHTLINE_DRAIN_SECONDS": "3600",
            "GATEWAY_PORT": "0",
            # Nobody asks it anything: an address is all that the agent needs to start.
            "AGENT_LLM_BASE_URL": "http://127.0.0.1:1/v1",
        }
        process = await system.start(module, **settings)
        process.send_signal(signal.SIGTERM)
        process.send_signal(signal.SIGINT)  # another one, because two of a kind that wait are one
        assert await asyncio.wait_for(process.wait(), 30) == 1
    assert not any("service_stopped" in line for line in system.log.lines), "it did not wait for anything"
