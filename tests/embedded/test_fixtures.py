"""What every other test relies on: the fixtures, the clean environment, the watched event loop."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
from blockbuster import BlockingError

from sightline.bus import Bus
from sightline.embedded import find_nats_server
from support.livekit_server import LiveKitServer
from support.nats_server import Server

ROOT = Path(__file__).parents[2]


def outcome_of(test: str, **environment: str) -> str:
    """Run one test of this file in a pytest of its own; the end of what it says."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"{__file__}::{test}"]
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, **environment}, capture_output=True, text=True, timeout=60
    )
    return done.stdout


async def test_the_nats_fixture_is_a_server_that_runs(nats: Server) -> None:
    assert nats.running


async def test_the_bus_fixture_is_open_on_the_nats_fixture(nats: Server, bus: Bus) -> None:
    assert nats.running
    assert bus.ready


def test_the_livekit_fixture_is_a_server_that_answers(livekit: LiveKitServer) -> None:
    with urllib.request.urlopen(livekit.url.replace("ws:", "http:")) as answer:
        assert answer.read() == b"OK"


@pytest.mark.parametrize(
    ("required", "outcome"), [("", "1 skipped"), ("docker", "1 skipped"), ("docker,livekit", "1 error")]
)
def test_a_missing_livekit_server_skips_unless_it_is_required(required: str, outcome: str) -> None:
    said = outcome_of(
        "test_the_livekit_fixture_is_a_server_that_answers",
        LIVEKIT_SERVER="/nowhere/livekit-server",
        SIGHTLINE_REQUIRE=required,
    )
    assert outcome in said
    assert "/nowhere/livekit-server" in said


def test_a_missing_docker_fails_where_containers_are_asked_for_and_required() -> None:
    said = outcome_of(
        "test_the_nats_fixture_is_a_server_that_runs",
        DOCKER_HOST="unix:///nowhere/docker.sock",
        SIGHTLINE_TEST_NATS="container",
        SIGHTLINE_REQUIRE="docker",
    )
    assert "1 error" in said
    assert "SIGHTLINE_REQUIRE names docker" in said


def test_no_setting_of_the_developer_reaches_a_test() -> None:
    said = outcome_of(
        "test_the_environment_holds_no_settings", NATS_URL="nats://theirs:4222", OPENAI_API_KEY="theirs"
    )
    assert "1 passed" in said


def test_the_environment_holds_no_settings() -> None:
    assert not [name for name in os.environ if name.startswith(("NATS_", "LIVEKIT_", "OPENAI_"))]


async def test_a_blocking_call_of_ours_on_the_event_loop_is_an_error() -> None:
    with pytest.raises(BlockingError, match=r"os\.stat"):
        find_nats_server()


async def test_a_blocking_call_of_ours_in_a_thread_is_none() -> None:
    assert await asyncio.to_thread(find_nats_server)


@pytest.mark.blocks_the_loop
async def test_a_test_can_block_on_purpose() -> None:
    time.sleep(0)  # noqa: ASYNC251 - on purpose
    assert find_nats_server()
