"""Which tracks of a real LiveKit room are sampled, and when that ends."""

from __future__ import annotations

import pytest
from livekit import api

from sightline.bus import Bus
from sightline.messages import Source, Trigger
from support.livekit_publisher import Publisher
from support.livekit_server import LiveKitServer
from support.room_ingest import Ingest, Watch, stage, want
from support.scenes import BLUE, GREEN, RED, scene

pytestmark = pytest.mark.livekit


async def test_tracks_that_are_there_already_and_tracks_that_come_later_are_sampled(
    bus: Bus, livekit: LiveKitServer, room: str
) -> None:
    async with (
        stage(bus),
        Publisher(livekit, room, "alice") as alice,
        Ingest(bus, livekit),
        Watch(bus, room) as watch,
    ):
        camera = await alice.camera()
        camera.show(scene(BLUE, "here first"))
        await want(bus, room)
        first = await watch.frame(participant="alice", colour=BLUE)
        assert first.track.id == camera.sid
        assert first.track.source is Source.CAMERA
        assert (first.width, first.height) == (640, 360)

        screen = await alice.screen()
        screen.show(scene(GREEN, "later"))
        shared = await watch.frame(track=screen.sid, colour=GREEN)
        assert shared.track.source is Source.SCREEN

        async with Publisher(livekit, room, "bob") as bob:
            (await bob.camera()).show(scene(RED, "last"))
            await watch.frame(participant="bob", colour=RED)


async def test_a_track_that_is_unpublished_ends(bus: Bus, livekit: LiveKitServer, room: str) -> None:
    async with (
        stage(bus),
        Ingest(bus, livekit),
        Watch(bus, room) as watch,
        Publisher(livekit, room) as alice,
    ):
        camera = await alice.camera()
        await want(bus, room)
        frame = await watch.frame(track=camera.sid)
        await camera.unpublish()
        end = await watch.ended(camera.sid)
        assert end.sequence > frame.sequence


async def test_a_muted_track_ends_and_comes_back_with_the_next_sequence(
    bus: Bus, livekit: LiveKitServer, room: str
) -> None:
    async with (
        stage(bus),
        Ingest(bus, livekit),
        Watch(bus, room) as watch,
        Publisher(livekit, room) as alice,
    ):
        camera = await alice.camera()
        await want(bus, room)
        await watch.frame(track=camera.sid)
        camera.mute()
        end = await watch.ended(camera.sid)
        so_far = len(watch.seen)
        camera.unmute()
        again = await watch.frame(since=so_far, track=camera.sid)
        assert again.sequence > end.sequence
        assert again.trigger is Trigger.INITIAL


async def test_the_tracks_of_a_participant_who_leaves_end(
    bus: Bus, livekit: LiveKitServer, room: str
) -> None:
    async with stage(bus), Ingest(bus, livekit), Watch(bus, room) as watch:
        async with Publisher(livekit, room) as alice:
            camera, screen = await alice.camera(), await alice.screen()
            await want(bus, room)
            await watch.frame(track=camera.sid)
            await watch.frame(track=screen.sid)
            ids = camera.sid, screen.sid
        for track in ids:
            await watch.ended(track)


async def test_a_deleted_room_is_over_and_may_be_wanted_again(
    bus: Bus, livekit: LiveKitServer, room: str
) -> None:
    async with stage(bus), Ingest(bus, livekit), Watch(bus, room) as watch:
        async with Publisher(livekit, room) as alice:
            camera = await alice.camera()
            await want(bus, room)
            await watch.frame(track=camera.sid)
            async with api.LiveKitAPI(livekit.url, livekit.api_key, livekit.api_secret) as server:
                await server.room.delete_room(api.DeleteRoomRequest(room=room))
            await watch.ended(camera.sid)
        async with Publisher(livekit, room, "bob") as bob:
            camera = await bob.camera()
            while not await want(bus, room):
                pass
            await watch.frame(track=camera.sid)


async def test_an_avatar_is_not_sampled(bus: Bus, livekit: LiveKitServer, room: str) -> None:
    attributes = {"lk.publish_on_behalf": "agent"}
    async with (
        stage(bus),
        Ingest(bus, livekit),
        Watch(bus, room) as watch,
        Publisher(livekit, room, "avatar", attributes=attributes, kind="agent") as avatar,
        Publisher(livekit, room, "alice") as alice,
    ):
        await avatar.camera()
        camera = await alice.camera()
        await want(bus, room)
        await watch.frame(track=camera.sid, trigger=Trigger.TIMER)
        assert {frame.track.participant for frame in watch.frames} == {"alice"}


async def test_a_participant_who_publishes_too_many_tracks_is_sampled_up_to_the_cap(
    bus: Bus, livekit: LiveKitServer, room: str
) -> None:
    async with (
        stage(bus),
        Ingest(bus, livekit, max_tracks_per_participant=1),
        Watch(bus, room) as watch,
        Publisher(livekit, room, "alice") as alice,
        Publisher(livekit, room, "bob") as bob,
    ):
        camera = await alice.camera()
        await want(bus, room)
        await watch.frame(track=camera.sid)
        screen = await alice.screen()
        other = await bob.camera()
        await watch.frame(track=other.sid, trigger=Trigger.TIMER)
        assert screen.sid not in {frame.track.id for frame in watch.frames}
        # A place that becomes free is taken.
        await camera.unpublish()
        await watch.frame(track=screen.sid)
