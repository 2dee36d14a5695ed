"""Replicas as processes of their own: killed, frozen, told to stop. One of them samples, never two."""

from __future__ import annotations

import asyncio
import itertools
import signal

import pytest
from livekit import api

from sightline.bus import Bus
from sightline.messages import Frame, Track, TrackEnded
from support.frames import BLUE, frame, plain
from support.livekit_publisher import Publisher
from support.livekit_server import LiveKitServer
from support.nats_server import Server
from support.room_ingest import Ingest, IngestProcess, Watch, stage, want

pytestmark = pytest.mark.livekit


async def test_a_killed_replicas_room_is_sampled_by_another(
    bus: Bus, nats: Server, livekit: LiveKitServer, room: str
) -> None:
    async with stage(bus), Watch(bus, room) as watch, Publisher(livekit, room) as alice:
        camera = await alice.camera()
        async with IngestProcess(nats.url, livekit) as first:
            await want(bus, room)
            await watch.frame(track=camera.sid)
            async with Ingest(bus, livekit):
                first.process.send_signal(signal.SIGKILL)
                await first.process.wait()
                killed_at = len(watch.seen)
                await watch.frame(since=killed_at, track=camera.sid)
                await frames_later(watch, 2)
    assert_one_publisher(watch)


async def test_tracks_that_vanished_while_their_replica_was_dead_are_ended_by_the_next(
    bus: Bus, nats: Server, livekit: LiveKitServer, room: str
) -> None:
    async with stage(bus), Watch(bus, room) as watch, Publisher(livekit, room) as alice:
        gone, muted, there = await alice.camera(), await alice.camera(), await alice.screen()
        async with Publisher(livekit, room, "bob") as bob, IngestProcess(nats.url, livekit) as first:
            left = await bob.camera()
            await want(bus, room)
            for track in (gone, muted, there, left):
                await watch.frame(track=track.sid)
            first.process.send_signal(signal.SIGKILL)
            await first.process.wait()
            await gone.unpublish()
            muted.mute()
        # Not of LiveKit: a file that is played as somebody's track in this room, and an uploaded picture.
        others = [Track(room=room, participant="alice", id=name) for name in ("source", "upload-1")]
        for other in others:
            await bus.publish(frame(plain(BLUE), 7, other))
        dead = len(watch.seen)
        async with Ingest(bus, livekit):
            ends = {sid: (await watch.ended(sid)).sequence for sid in (gone.sid, muted.sid, left.sid)}
            await watch.frame(since=dead, track=there.sid)
            muted.unmute()
            again = await watch.frame(since=dead, track=muted.sid)
    assert sorted(each.track.id for each in watch.seen if isinstance(each, TrackEnded)) == sorted(ends)
    for sid, end in ends.items():
        assert end == 1 + max(each.sequence for each in watch.seen[:dead] if each.track.id == sid)
    assert again.sequence > ends[muted.sid]


async def test_a_frozen_replica_that_comes_back_publishes_nothing_more(
    bus: Bus, nats: Server, livekit: LiveKitServer, room: str
) -> None:
    async with stage(bus), Watch(bus, room) as watch, Publisher(livekit, room) as alice:
        camera = await alice.camera()
        async with IngestProcess(nats.url, livekit, INGEST_IDLE_INTERVAL="0.5") as first:
            await want(bus, room)
            await watch.frame(track=camera.sid)
            first.process.send_signal(signal.SIGSTOP)
            async with IngestProcess(nats.url, livekit, INGEST_IDLE_INTERVAL="0.5") as second:
                await second.says("room_joined")
                await frames_later(watch, 2)
                assert await present(livekit, room) == ["alice", "sightline-ingest"]
                first.process.send_signal(signal.SIGCONT)
                await first.says("room_lost")
                await frames_later(watch, 4)
                assert await present(livekit, room) == ["alice", "sightline-ingest"]
                assert not any('"room_left"' in line for line in second.log), "the second one stayed"
    assert_one_publisher(watch)


async def test_a_replica_told_to_stop_hands_its_room_over_and_exits_cleanly(
    bus: Bus, nats: Server, livekit: LiveKitServer, room: str
) -> None:
    async with stage(bus), Watch(bus, room) as watch, Publisher(livekit, room) as alice:
        # Sampled often, so watched all the time: the stream is open as the signal comes.
        camera = await alice.camera()
        async with IngestProcess(nats.url, livekit, INGEST_IDLE_INTERVAL="0.5") as first:
            await want(bus, room)
            await watch.frame(track=camera.sid)
            async with IngestProcess(nats.url, livekit) as second:
                first.process.send_signal(signal.SIGTERM)
                assert await first.process.wait() == 0, "".join(first.log[-20:])
                await second.says("room_joined")
                await frames_later(watch, 2)
                second.process.send_signal(signal.SIGTERM)
                assert await second.process.wait() == 0
    assert all(isinstance(each, Frame) for each in watch.seen), "the track went on, it did not end"
    assert_one_publisher(watch)


async def test_many_rooms_share_one_process(bus: Bus, livekit: LiveKitServer, room: str) -> None:
    names = [f"{room} {number}" for number in range(5)]
    async with stage(bus), Ingest(bus, livekit):

        async def sampled(name: str) -> None:
            async with Watch(bus, name) as watch, Publisher(livekit, name) as alice:
                camera = await alice.camera()
                await want(bus, name)
                await watch.frame(track=camera.sid)

        await asyncio.gather(*map(sampled, names))


async def frames_later(watch: Watch, count: int) -> None:
    """Wait for so many further frames."""
    goal = len(watch.frames) + count
    await watch.until(
        f"frame number {goal}", lambda _: watch.frames[-1] if len(watch.frames) >= goal else None
    )


def assert_one_publisher(watch: Watch) -> None:
    """Two replicas would each count for themselves: a sequence twice, or one that goes back."""
    sequences = [each.sequence for each in watch.seen]
    assert all(earlier < later for earlier, later in itertools.pairwise(sequences)), sequences


async def present(livekit: LiveKitServer, room: str) -> list[str]:
    """Who is in a room, hidden ones included."""
    async with api.LiveKitAPI(livekit.url, livekit.api_key, livekit.api_secret) as server:
        listed = await server.room.list_participants(api.ListParticipantsRequest(room=room))
    return sorted(participant.identity for participant in listed.participants)
