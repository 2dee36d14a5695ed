"""What the tests take from the environment, and what must not leak from it into them."""

from __future__ import annotations

import os
from collections.abc import MutableMapping
from typing import NoReturn

import pytest

# Settings of Sightline, of LiveKit and of the model endpoints: a developer's own are not the tests'.
LEAKS = (
    "NATS_",
    "LIVEKIT_",
    "MOONDREAM_",
    "OPENAI_",
    "OTEL_",
    "SIGHTLINE_",
    "INGEST_",
    "SAMPLING_",
    "CAPTIONER_",
    "ENCODER_",
    "AGENT_",
    "GATEWAY_",
    "LLM_",
)

# Read once, before they are removed.
LIVEKIT_SERVER = os.environ.get("LIVEKIT_SERVER", "")
CHROMIUM = os.environ.get("CHROMIUM", "")
HELM = os.environ.get("HELM", "")
NATS_KIND = os.environ.get("SIGHTLINE_TEST_NATS", "auto")
REQUIRED = frozenset(filter(None, os.environ.get("SIGHTLINE_REQUIRE", "").split(",")))


def remove_leaks(environment: MutableMapping[str, str] = os.environ) -> None:
    """Remove every setting that would change what the tests do."""
    for name in [name for name in environment if name.upper().startswith(LEAKS)]:
        del environment[name]


def missing(need: str, reason: str) -> NoReturn:
    """Skip the test for want of something, or fail it where SIGHTLINE_REQUIRE names it."""
    if need in REQUIRED:
        pytest.fail(f"SIGHTLINE_REQUIRE names {need}, but {reason}", pytrace=False)
    # A developer's machine need not have every part; CI names those that it must not lack.
    pytest.skip(reason)
