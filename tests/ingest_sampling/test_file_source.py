"""Files and streams, played for a sampler on a real bus."""

from __future__ import annotations

import asyncio
import itertools
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from sightline.bus import Bus
from sightline.messages import Frame, Trigger
from sightline.stages import announce
from sightline_ingest.decoding import SourceError
from sightline_ingest.file_source import VideoSource
from support.clips import SCENES, make_clip, three_scenes
from support.sampling import CAPTIONER, PATIENT, Frames, running, sampling
from support.scenes import GREEN, RED, scene, shows


async def next_scene(frames: Frames) -> tuple[int, int, int]:
    """The colour of the next frame that shows something new."""
    while (frame := await frames.next()).unchanged_since is not None:
        pass
    return next(colour for colour in SCENES if shows(frame.pixels, colour))


async def no_thread_is_left() -> bool:
    """Whether the threads of all sources have ended, once those that are ending have."""
    threads = [thread for thread in threading.enumerate() if thread.name == "video-source"]
    for thread in threads:
        await asyncio.to_thread(thread.join, 5)
    return not any(thread.is_alive() for thread in threads)


async def test_the_scenes_of_a_clip_become_frames_in_order(bus: Bus, tmp_path: Path) -> None:
    clip = three_scenes(tmp_path / "clip.mp4", seconds_each=0.5)
    began = bus.now()
    async with sampling(bus, PATIENT) as (sampler, frames):
        await VideoSource(str(clip), bus.now).play(sampler)
        await sampler.settled()
        found = [await frames.next() for _ in SCENES]
    assert [shows(each.pixels, colour) for each, colour in zip(found, SCENES, strict=True)] == [True] * 3
    assert [each.trigger for each in found] == [Trigger.INITIAL, Trigger.SCENE_CHANGE, Trigger.SCENE_CHANGE]
    times = [each.captured_at for each in found]
    assert began < times[0] < times[1] < times[2] < bus.now()
    assert await no_thread_is_left()


async def test_a_loop_begins_again(bus: Bus, tmp_path: Path) -> None:
    clip = three_scenes(tmp_path / "clip.mp4", seconds_each=0.3)
    async with sampling(bus, PATIENT) as (sampler, frames):
        async with running(VideoSource(str(clip), bus.now, loop=True).play(sampler)):
            assert [await next_scene(frames) for _ in range(5)] == [*SCENES, *SCENES[:2]]
        assert await no_thread_is_left()


async def test_a_recording_waits_for_the_first_stage_and_then_begins_at_its_beginning(
    bus: Bus, tmp_path: Path
) -> None:
    clip = three_scenes(tmp_path / "clip.mp4", seconds_each=0.3)
    async with sampling(bus, PATIENT, entries=()) as (sampler, frames):
        nothing = sampler.demand
        playing = asyncio.create_task(VideoSource(str(clip), bus.now).play(sampler))
        async with running(announce(bus, CAPTIONER)):
            await sampler.demand_changed(nothing)
            assert await next_scene(frames) == RED
            assert await next_scene(frames) == GREEN
            await playing


async def test_a_recording_that_waits_can_be_stopped(bus: Bus, tmp_path: Path) -> None:
    clip = three_scenes(tmp_path / "clip.mp4")
    async with sampling(bus, PATIENT, entries=()) as (sampler, _):
        playing = asyncio.create_task(VideoSource(str(clip), bus.now, loop=True).play(sampler))
        await asyncio.sleep(0)
        playing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await playing
        assert await no_thread_is_left()


async def test_a_single_picture_is_a_source_too(bus: Bus, tmp_path: Path) -> None:
    picture = make_clip(tmp_path / "picture.png", [scene(GREEN)], codec="png", pixels="rgb24")
    async with sampling(bus, PATIENT) as (sampler, frames):
        await VideoSource(str(picture), bus.now).play(sampler)
        await sampler.settled()
        assert await next_scene(frames) == GREEN


async def test_as_fast_as_possible_keeps_no_more_than_the_newest_picture(bus: Bus, tmp_path: Path) -> None:
    clip = three_scenes(tmp_path / "clip.mp4", seconds_each=4.0)
    async with sampling(bus, PATIENT) as (sampler, frames):
        await VideoSource(str(clip), bus.now, realtime=False).play(sampler)
        await sampler.settled()
        assert 1 <= len([each for each in frames.seen() if isinstance(each, Frame)]) <= len(SCENES)


async def test_a_source_that_cannot_be_opened_is_an_error_at_once(bus: Bus) -> None:
    async with sampling(bus, PATIENT) as (sampler, _):
        with pytest.raises(SourceError, match=r"cannot open nowhere\.mp4: No such file"):
            await VideoSource("nowhere.mp4", bus.now, loop=True).play(sampler)
        assert await no_thread_is_left()


class Broadcast:
    """An HTTP server that sends a live stream, a clip per connection, and hangs up."""

    def __init__(self, *clips: Path) -> None:
        self.url = ""
        self._clips = itertools.cycle([clip.read_bytes() for clip in clips])

    async def send(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "video/mp2t"})
        await response.prepare(request)
        await response.write(next(self._clips))
        return response

    @asynccontextmanager
    async def on_air(self) -> AsyncIterator[None]:
        app = web.Application()
        app.router.add_get("/live.ts", self.send)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}/live.ts"
        try:
            yield
        finally:
            await runner.cleanup()


async def test_a_stream_that_breaks_off_is_opened_again(bus: Bus, tmp_path: Path) -> None:
    clips = [
        make_clip(tmp_path / f"{number}.ts", [scene(colour)] * 10, codec="mpeg2video")
        for number, colour in enumerate(SCENES)
    ]
    broadcast = Broadcast(*clips)
    async with broadcast.on_air(), sampling(bus, PATIENT) as (sampler, frames):
        async with running(VideoSource(broadcast.url, bus.now).play(sampler)):
            assert [await next_scene(frames) for _ in SCENES] == list(SCENES)
        assert await no_thread_is_left()
