"""The health check of the agent's worker: ready is who LiveKit offers rooms to."""

from __future__ import annotations

import asyncio
import os
import sys
from asyncio.subprocess import PIPE

import pytest
from aiohttp import ClientSession

from sightline.embedded import HOST, free_port, tethered
from support.livekit_server import LiveKitServer

pytestmark = pytest.mark.livekit


async def answers(livekit: LiveKitServer, url: str, after: str) -> dict[str, int]:
    """What a worker's paths answer once it has logged this."""
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        *tethered(sys.executable, "-m", "sightline_agent", "start", "--http-port", str(port)),
        stderr=PIPE,
        env={
            **os.environ,
            "LIVEKIT_URL": url,
            "LIVEKIT_API_KEY": livekit.api_key,
            "LIVEKIT_API_SECRET": livekit.api_secret,
            "AGENT_LLM_BASE_URL": f"http://{HOST}:9",
            "AGENT_LLM_MODEL": "test-model",
        },
    )
    assert process.stderr is not None
    try:
        async with asyncio.timeout(60), ClientSession() as client:
            async for line in process.stderr:
                if after in line.decode():
                    break
            found = {}
            for path in ("/", "/worker"):
                async with client.get(f"http://{HOST}:{port}{path}") as answer:
                    found[path] = answer.status
            return found
    finally:
        process.kill()
        await process.communicate()


async def test_a_worker_that_livekit_does_not_know_yet_is_alive_and_not_ready(livekit: LiveKitServer) -> None:
    nobody = f"ws://{HOST}:{free_port()}"
    assert await answers(livekit, nobody, "HTTP server listening") == {"/": 503, "/worker": 200}


async def test_a_worker_is_ready_once_livekit_knows_it(livekit: LiveKitServer) -> None:
    assert await answers(livekit, livekit.url, "registered worker") == {"/": 200, "/worker": 200}
