"""Replicas come, go, are killed and frozen: each track is captioned, each frame once."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp

from sightline.bus import Bus
from sightline.embedded import free_port
from sightline.messages import Trigger
from sightline.runner import Runner
from support.nats_server import Server
from support.stage import STAGE, GatedLooker, Looker, Source, another_bus, captions, replica, track

WORKER = Path(__file__).parents[1] / "support/worker_process.py"


@contextlib.asynccontextmanager
async def worker(nats: Server, how: str, **settings: str) -> AsyncIterator[Process]:
    environment = os.environ | {"NATS_URL": nats.url, "SIGHTLINE_LOG_FORMAT": "json"} | settings
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(WORKER), how, stdin=PIPE, stdout=PIPE, env=environment
    )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def says(process: Process) -> str:
    assert process.stdout is not None
    async with asyncio.timeout(30):
        return (await process.stdout.readline()).decode().strip()


async def test_a_killed_workers_track_is_captioned_by_another_replica(nats: Server, bus: Bus) -> None:
    source, survivor = Source(bus), Looker()
    async with worker(nats, "hang") as victim, captions(bus) as found:
        await source.show(track(1))
        assert await says(victim) == "processing 1"
        async with replica(survivor, bus):
            victim.kill()
            (caption,) = await found.has(1)
            assert caption.text == "frame 1"
            await source.show(track(1))
            await found.has(2)
    assert Counter(frame.sequence for frame in survivor.seen) == {1: 1, 2: 1}


async def test_a_frozen_workers_track_is_captioned_by_another_and_stored_once(nats: Server, bus: Bus) -> None:
    source = Source(bus)
    async with worker(nats, "slow") as frozen, captions(bus) as found:
        await source.show(track(1))
        assert await says(frozen) == "processing 1"
        frozen.send_signal(signal.SIGSTOP)
        async with replica(Looker(), bus):
            await found.has(1)
            # It wakes up, knows nothing of it, and finishes the same frame.
            frozen.send_signal(signal.SIGCONT)
            frozen.stdin.write(b"\n")
            frozen.send_signal(signal.SIGTERM)
            assert await asyncio.wait_for(frozen.wait(), 30) == 0
            await source.show(track(1))
            await found.has(2)
    assert [caption.frame.sequence for caption in found.messages] == [1, 2]


async def test_a_worker_told_to_stop_finishes_the_caption_in_hand(nats: Server, bus: Bus) -> None:
    source = Source(bus)
    async with worker(nats, "slow") as process, captions(bus) as found:
        await source.show(track(1))
        assert await says(process) == "processing 1"
        process.send_signal(signal.SIGTERM)
        process.stdin.write(b"\n")
        (caption,) = await found.has(1)
        assert await asyncio.wait_for(process.wait(), 30) == 0
    assert caption.text == "frame 1 by process"


async def test_a_worker_that_cannot_finish_hands_its_ticket_back(nats: Server, bus: Bus) -> None:
    source = Source(bus)
    async with worker(nats, "hang", SIGHTLINE_DRAIN_SECONDS="0.5") as process, captions(bus) as found:
        await source.show(track(1))
        assert await says(process) == "processing 1"
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), 30) == 0
        async with replica(Looker(), bus):
            (caption,) = await found.has(1)
    assert caption.text == "frame 1"


async def test_a_ticket_that_comes_as_a_replica_stops_is_taken_once_and_left_to_another(bus: Bus) -> None:
    source, leaving, stopping = Source(bus), Looker(), asyncio.Event()
    leaving.concurrency = 8  # slots whose pulls are under way
    async with captions(bus) as found:
        stopped = asyncio.create_task(Runner(leaving, STAGE, bus).run(stopping, 1.0))
        await source.show(track(1))
        await found.has(1)
        stopping.set()
        await source.show(track(2))
        await stopped
        async with replica(Looker(), bus):
            await found.has(2)


async def test_a_second_sigterm_exits_at_once(nats: Server, bus: Bus) -> None:
    source = Source(bus)
    async with worker(nats, "hang", SIGHTLINE_DRAIN_SECONDS="600") as process:
        await source.show(track(1))
        assert await says(process) == "processing 1"
        process.send_signal(signal.SIGTERM)
        # The second only counts as one when the first was seen: the bus no longer hears of the stage.
        while (await _ready(process, bus)) and process.returncode is None:
            process.send_signal(signal.SIGTERM)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), 0.5)
        assert await asyncio.wait_for(process.wait(), 30) == 1


async def _ready(process: Process, bus: Bus) -> bool:
    return process.returncode is None and bus.connected


async def test_a_worker_that_blocks_the_event_loop_shows_in_a_metric(nats: Server, bus: Bus) -> None:
    source, port = Source(bus), free_port()
    async with worker(nats, "block", SIGHTLINE_HTTP_PORT=str(port)) as process, captions(bus) as found:
        for number in range(3):
            await source.show(track(number))
        await found.has(3)
        async with aiohttp.ClientSession() as client:
            answer = await client.get(f"http://127.0.0.1:{port}/metrics")
            lines = (await answer.text()).splitlines()
        assert process.returncode is None
    lag = {
        line.rpartition(" ")[0]: float(line.rpartition(" ")[2])
        for line in lines
        if "loop_lag" in line and line[0] != "#"
    }
    late = (
        lag["sightline_event_loop_lag_seconds_count"]
        - lag['sightline_event_loop_lag_seconds_bucket{le="0.25"}']
    )
    assert late >= 1


async def test_replicas_that_come_and_go_under_load_caption_no_frame_twice_and_stall_no_track(
    bus: Bus,
) -> None:
    tracks = [track(number) for number in range(20)]
    source = Source(bus)
    workers = [GatedLooker(2) for _ in range(8)]

    async def rounds(running: list[GatedLooker], count: int) -> None:
        for _ in range(count):
            for shown in tracks:
                await source.show(shown)
            for one in running:
                one.let(3)

    async with captions(bus) as found, replica(workers[0], bus, grace=5):
        await rounds(workers[:1], 3)
        async with contextlib.AsyncExitStack() as stack:
            for one in workers[1:]:
                await stack.enter_async_context(
                    replica(one, await stack.enter_async_context(another_bus(bus)))
                )
            await rounds(workers, 6)
            for one in workers[1:]:
                one.let(1000)
        workers[0].let(1000)
        before = len(found.messages)
        await rounds(workers[:1], 3)
        await found.has(before + len(tracks))
    assert {caption.frame.track.id for caption in found.messages} == {shown.id for shown in tracks}
    assert max(Counter(caption.frame.id for caption in found.messages).values()) == 1
    assert max(Counter(frame.id for one in workers for frame in one.seen).values()) == 1


async def test_the_same_frame_and_ticket_again_make_no_second_caption(bus: Bus) -> None:
    source, worker_of_this = Source(bus), Looker()
    async with replica(worker_of_this, bus), captions(bus) as found:
        shown = await source.show(track(1))
        await found.has(1)
        await bus.publish(shown)
        await source.ticket(shown)
        await source.show(track(2))
        await found.has(2)
        async with another_bus(bus) as other, replica(Looker(), other) as _second:
            await bus.publish(shown)
            await source.ticket(shown)
            await source.show(track(3), trigger=Trigger.USER_REQUEST)
            await source.show(track(4))
            await found.has(4)
    assert sorted(caption.frame.track.id for caption in found.messages) == ["TR_1", "TR_2", "TR_3", "TR_4"]
