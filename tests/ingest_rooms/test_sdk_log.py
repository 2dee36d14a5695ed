"""LiveKit's library hands over events, and not what WebRTC writes for its own developers."""

from __future__ import annotations

import logging
from collections.abc import Callable

import pytest
from livekit import rtc
from livekit.rtc._ffi_client import FfiClient, ffi_event_callback

from sightline.health import Health
from sightline_agent import sdk_log as of_agent
from sightline_ingest import sdk_log as of_ingest
from sightline_ingest.joining import joined
from sightline_ingest.livekit_server import LiveKitServer as LiveKit
from support.livekit_publisher import Publisher
from support.livekit_server import LiveKitServer
from support.room_ingest import settings_for


@pytest.mark.parametrize("quiet", [of_ingest.quiet, of_agent.quiet], ids=["ingest", "agent"])
async def test_the_library_hands_over_no_line_that_webrtc_writes(
    quiet: Callable[[], None],
    livekit: LiveKitServer,
    room: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setenv("LIVEKIT_RTC_DEBUG", "1")  # shows what is handed over
    caplog.set_level(logging.DEBUG, "livekit")
    # As it is by default, whatever ran before.
    FfiClient.instance._ffi_lib.livekit_ffi_initialize(ffi_event_callback, True, b"python", b"1")
    quiet()
    caplog.clear()
    settings = settings_for(livekit).livekit
    async with (
        Publisher(livekit, room),
        LiveKit(settings, Health(), "eye") as server,
        joined(rtc.Room(), server, room, timeout=10),
    ):
        pass
    lines = [each for record in caplog.records if "libwebrtc" in (each := record.getMessage())]
    assert not lines, f"{len(lines)} lines, as {lines[0]}"
