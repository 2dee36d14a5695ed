"""LiveKit's library hands over events, and not what WebRTC writes for its own developers."""

from __future__ import annotations

import asyncio
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


async def test_packets_that_agents_send_to_everybody_are_no_lines(
    livekit: LiveKitServer, room: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    of_ingest.pass_over_data()
    try:
        settings = settings_for(livekit).livekit
        heard = asyncio.Event()
        eye = rtc.Room()
        eye.on("data_received", lambda _packet: heard.set())
        async with (
            LiveKit(settings, Health(), "eye") as server,
            joined(eye, server, room, timeout=10),
            Publisher(livekit, room) as agent,
        ):
            await agent.room.local_participant.send_text("not for you", topic="lk.chat")
            await agent.room.local_participant.publish_data(b"what comes after it", reliable=True)
            async with asyncio.timeout(20):
                await heard.wait()
    finally:
        logging.getLogger().removeFilter(of_ingest._is_worth_a_line)
    assert [each for each in caplog.messages if "ignoring" in each] == []
