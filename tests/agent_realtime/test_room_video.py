"""Video of a real LiveKit room in a realtime model's conversation, with the real plugin.

Time is counted in pictures: three tenths of a second pass with each that LiveKit gives, however fast
the machine is.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from livekit import rtc
from livekit.agents import Agent, AgentSession
from livekit.agents.voice.room_io import RoomOptions

from sightline_agent.realtime import VideoSampler
from sightline_agent.realtime.settings import RealtimeSettings
from support.agents import in_room
from support.livekit_publisher import Publisher
from support.livekit_server import LiveKitServer
from support.realtime import talking
from support.realtime_server import RealtimeServer
from support.scenes import BLUE, GREEN, RED, scene, shows

pytestmark = pytest.mark.livekit

SECONDS = 0.3
"""That pass with a picture: in silence each tenth is due, and each fourth while somebody speaks."""

VIDEO = RoomOptions(video_input=True, audio_output=False)
"""Nobody listens: a session would wait for somebody to hear it out."""


class Measured:
    """A sampler in the place of LiveKit's: ours, with a clock that counts pictures.

    Attributes:
        pictures: How many came.
        taken: The numbers of those that were taken, and whether somebody spoke.
    """

    def __init__(self) -> None:
        self.pictures = 0
        self.taken: list[tuple[int, bool]] = []
        self._sampler = VideoSampler(RealtimeSettings(), speaks=self._speaks, clock=self._now)

    def __call__(self, frame: rtc.VideoFrame, session: AgentSession[Any]) -> bool:
        self.pictures += 1
        last = self._sampler._pace._last
        given = self._sampler(frame, session)
        if self._sampler._pace._last != last:
            self.taken.append((self.pictures, self._speaks(session)))
        return given

    def gaps(self, speaking: bool) -> list[int]:
        """How many pictures later than the one before each was taken, while somebody spoke or not."""
        return [now - before for (before, _), (now, spoke) in pairwise(self.taken) if spoke == speaking]

    def _now(self) -> float:
        return self.pictures * SECONDS

    def _speaks(self, session: AgentSession[Any]) -> bool:
        return session.user_state == "speaking"


async def test_a_room_s_video_is_shown_once_in_three_seconds_and_once_a_second_while_somebody_speaks(
    livekit: LiveKitServer, server: RealtimeServer
) -> None:
    sampler, room = Measured(), "realtime-rates"
    async with Publisher(livekit, room=room) as alice, in_room(livekit, room) as joined:
        camera = await alice.camera()
        camera.show(scene(BLUE))
        async with talking(server, Agent(instructions=""), joined, VIDEO, video_sampler=sampler):
            await server.until(lambda: len(server.images) >= 4)
            await alice.speak()
            await server.until(lambda: len(sampler.gaps(speaking=True)) >= 6)
            await alice.hush()
            await server.until(lambda: bool(server.responses))
    silent, spoken = sampler.gaps(speaking=False), sampler.gaps(speaking=True)
    assert len(silent) >= 3
    assert min(silent) >= 10
    assert min(spoken) >= 4
    assert sum(spoken) / len(spoken) < 10
    assert 0 <= len(sampler.taken) - len(server.images) <= 1  # the last may not have been sent any more
    assert not server.responses[0].asked
    assert all(shows(image, BLUE) for image in server.images[1:])
    assert server.pieces > 0


async def test_the_newest_track_is_shown_and_the_camera_again_when_the_screen_is_over(
    livekit: LiveKitServer, server: RealtimeServer
) -> None:
    sampler, room = Measured(), "realtime-newest"
    async with Publisher(livekit, room=room) as alice, in_room(livekit, room) as joined:
        camera = await alice.camera()
        camera.show(scene(RED))
        async with talking(server, Agent(instructions=""), joined, VIDEO, video_sampler=sampler):
            await server.until(lambda: bool(server.images) and shows(server.images[-1], RED))
            screen = await alice.screen()
            screen.show(scene(GREEN))
            await server.until(lambda: shows(server.images[-1], GREEN))
            await screen.unpublish()
            await server.until(lambda: shows(server.images[-1], RED))


async def test_with_manual_turns_it_is_livekit_s_server_that_hears_somebody_speak(
    livekit: LiveKitServer, server: RealtimeServer
) -> None:
    room = "realtime-manual"
    only_speech = VideoSampler(RealtimeSettings(idle_interval=600, speaking_fps=20))
    manual: dict[str, Any] = {"turn_handling": {"turn_detection": "manual"}, "video_sampler": only_speech}
    async with Publisher(livekit, room=room) as alice, in_room(livekit, room) as joined:
        await alice.camera()
        async with talking(server, Agent(instructions=""), joined, VIDEO, **manual) as session:
            await server.until(lambda: len(server.images) == 1)
            await alice.speak()
            await server.until(lambda: len(server.images) >= 4)
            assert session.user_state != "speaking"
    assert server.responses == []
