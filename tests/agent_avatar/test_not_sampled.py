"""An avatar shows nothing of the user: room ingest does not sample it, and the agent does not see it."""

from __future__ import annotations

import pytest

from sightline.bus import Bus
from sightline.messages import Trigger
from sightline_agent.avatar import AvatarSettings
from support.avatars import ON_BEHALF, talk
from support.livekit_server import LiveKitServer
from support.room_ingest import Ingest, Watch, stage, want
from support.spectator import Spectator
from support.voice_server import VoiceServer

pytestmark = pytest.mark.livekit


async def test_the_local_avatar_is_watched_by_people_and_never_sampled(
    livekit: LiveKitServer, room: str, bus: Bus, voice: VoiceServer
) -> None:
    async with (
        stage(bus),
        Ingest(bus, livekit),
        Watch(bus, room) as watch,
        Spectator(livekit, room, "alice") as alice,
        talk(livekit, room, voice, AvatarSettings(avatar="local")) as session,
    ):
        avatar = await alice.finds(lambda each: ON_BEHALF in each.attributes)
        camera = await alice.camera()
        await want(bus, room)
        await session.session.say("I see you.")
        await alice.until(lambda: len(alice.pictures) > 10)
        # Not only the first frame of alice's: by now there would be one of the avatar's, too.
        await watch.frame(track=camera.sid, trigger=Trigger.TIMER)
        assert {frame.track.participant for frame in watch.frames} == {"alice"}
        assert avatar.identity in alice.room.remote_participants
