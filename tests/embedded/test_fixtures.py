"""The fixtures that every test relies on."""

from __future__ import annotations

import os
import urllib.request

from support.livekit_server import LiveKitServer
from support.nats_server import Server


async def test_the_nats_fixture_is_a_server_that_runs(nats: Server) -> None:
    assert nats.running


def test_the_livekit_fixture_is_a_server_that_answers(livekit: LiveKitServer) -> None:
    with urllib.request.urlopen(livekit.url.replace("ws:", "http:")) as answer:
        assert answer.read() == b"OK"


def test_no_setting_of_the_developer_reaches_a_test() -> None:
    assert not [name for name in os.environ if name.startswith(("NATS_", "LIVEKIT_", "OPENAI_"))]
