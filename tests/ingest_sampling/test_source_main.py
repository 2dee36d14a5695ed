"""``room-ingest --source`` as a process."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from sightline.bus import Bus
from sightline.errors import BusError
from sightline.messages import CaptureReply, CaptureRequest, Source, Track, Trigger
from support.clips import SCENES, make_clip, three_scenes
from support.nats_server import Server
from support.sampling import CAPTIONER, Frames, stages_of
from support.scenes import RED, scene, shows

TRACK = Track(room="demo", participant="alice", id="source")


@asynccontextmanager
async def room_ingest(nats: Server, source: Path, *options: str) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "sightline_ingest", "--source", str(source)),
        *("--room", "demo", "--participant", "alice", *options),
        env=os.environ
        | {"NATS_URL": nats.url, "INGEST_IDLE_INTERVAL": "0.2", "SIGHTLINE_LOG_FORMAT": "json"},
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def test_a_clip_becomes_frames_and_an_end_and_the_process_exits(
    bus: Bus, nats: Server, tmp_path: Path
) -> None:
    clip = three_scenes(tmp_path / "clip.mp4")
    async with stages_of(bus, CAPTIONER), Frames.of(bus, TRACK) as frames:
        async with room_ingest(nats, clip) as process:
            assert await process.wait() == 0
        found, end = await frames.all()
    colours = [next(c for c in SCENES if shows(frame.pixels, c)) for frame in found]
    assert list(dict.fromkeys(colours)) == list(SCENES)
    # The stream keeps the newest of each track, so a reader may miss some; none comes twice.
    sequences = [each.sequence for each in (*found, end)]
    assert sequences == sorted(set(sequences))


async def test_it_answers_capture_requests(bus: Bus, nats: Server, tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "clip.mp4", [scene(RED)] * 10)
    async with (
        stages_of(bus, CAPTIONER),
        Frames.of(bus, TRACK) as frames,
        room_ingest(nats, clip, "--loop", "--kind", "screen"),
    ):
        screen = (await frames.next()).track
        request = CaptureRequest(room="demo", participant="alice", deadline=10.0)
        reply = await bus.request(request.subject, request, CaptureReply, timeout=10.0)
        [captured] = reply.frames
    assert screen == TRACK.model_copy(update={"source": Source.SCREEN})
    assert (captured.trigger, captured.unchanged_since) == (Trigger.USER_REQUEST, 1)


async def test_a_sigterm_ends_the_track_and_the_process(bus: Bus, nats: Server, tmp_path: Path) -> None:
    clip = three_scenes(tmp_path / "clip.mp4")
    async with stages_of(bus, CAPTIONER), Frames.of(bus, TRACK) as frames:
        async with room_ingest(nats, clip, "--loop") as process:
            await frames.next()
            process.send_signal(signal.SIGTERM)
            assert await process.wait() == 0
        await frames.ended()
        request = CaptureRequest(room="demo", participant="alice")
        with pytest.raises(BusError, match="nobody"):
            await bus.request(request.subject, request, CaptureReply)


async def test_a_source_that_cannot_be_opened_ends_the_process_with_the_reason(
    nats: Server, tmp_path: Path
) -> None:
    async with room_ingest(nats, tmp_path / "missing.mp4") as process:
        _, log = await process.communicate()
        assert process.returncode == 1
        assert "missing.mp4: No such file or directory. Expected a video file" in log.decode()
