"""A setting that cannot be used ends each service before it does anything, and is named."""

from __future__ import annotations

import asyncio
import os
import sys
from asyncio.subprocess import DEVNULL, PIPE

import pytest

from sightline.embedded import tethered

SERVICES = {
    "sightline_ingest": (),
    "sightline_captioner": (),
    "sightline_encoder": (),
    "sightline_agent": ("start", "--http-port", "0"),
    "sightline_gateway": (),
}
# What every service reads, and what each reads by itself, also late in its life.
EVERYBODYS = [("SIGHTLINE_LOG_LEVEL", "loud"), ("NATS_REQUEST_TIMEOUT", "soon")]
THEIR_OWN = [
    ("sightline_ingest", "INGEST_MAX_ROOMS", "none"),
    ("sightline_ingest", "INGEST_IDLE_INTERVAL", "-3"),
    ("sightline_ingest", "SIGHTLINE_DRAIN_SECONDS", "0"),
    ("sightline_captioner", "CAPTIONER_CONCURRENCY", "0"),
    ("sightline_captioner", "SIGHTLINE_HTTP_PORT", "70000"),
    ("sightline_encoder", "ENCODER_PROFILES", "agent=huge"),
    ("sightline_agent", "AGENT_MODE", "x-ray"),
    ("sightline_agent", "AGENT_MAX_JOBS", "many"),
    ("sightline_agent", "AGENT_IMAGE_MAX_BYTES", "large"),
    ("sightline_agent", "AGENT_LOOK_DEADLINE", "later"),
    ("sightline_agent", "AGENT_WATCH_INTERVAL", "later"),
    ("sightline_gateway", "GATEWAY_PORT", "seventy"),
    ("sightline_gateway", "GATEWAY_TIMER_INTERVAL", "often"),
    ("sightline_gateway", "AGENT_MAX_CAPTION_AGE", "old"),
]


@pytest.mark.parametrize(
    ("module", "variable", "value"),
    [*((module, *bad) for module in SERVICES for bad in EVERYBODYS), *THEIR_OWN],
)
async def test_a_bad_setting_ends_the_service_with_2_and_its_name(
    module: str, variable: str, value: str
) -> None:
    process = await asyncio.create_subprocess_exec(
        *tethered(sys.executable, "-m", module, *SERVICES[module]),
        stdin=DEVNULL,
        stdout=PIPE,
        stderr=PIPE,
        env={**os.environ, variable: value},
    )
    async with asyncio.timeout(60):
        out, err = await process.communicate()
    said = (out + err).decode()
    assert process.returncode == 2, said
    assert said.count("\n") == 1, "one line, no traceback"
    assert f"{variable}: " in said
    assert repr(value) in said
