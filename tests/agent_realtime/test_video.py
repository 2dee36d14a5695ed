"""The video sampler, given pictures by hand: sizes, rates, and what stays in the conversation."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from livekit import rtc
from livekit.agents import Agent, AgentSession

from sightline_agent.realtime import VideoSampler
from sightline_agent.realtime.settings import RealtimeSettings
from sightline_agent.realtime.video import fit
from support.realtime import talking
from support.realtime_server import RealtimeServer
from support.scenes import BLUE, GREEN, RED, scene, shows

ALWAYS = RealtimeSettings(idle_interval=1e-6, keep_images=0)


def picture(colour: tuple[int, int, int] = RED, size: tuple[int, int] = (64, 48)) -> rtc.VideoFrame:
    """A picture as LiveKit gives it."""
    pixels = scene(colour, size=size)
    frame = rtc.VideoFrame(*size, rtc.VideoBufferType.RGB24, pixels.tobytes())
    return frame.convert(rtc.VideoBufferType.I420)


@pytest.fixture
async def session(server: RealtimeServer) -> AsyncIterator[AgentSession[None]]:
    async with talking(server, Agent(instructions="")) as running:
        yield running


@pytest.mark.parametrize(
    ("size", "fitted"),
    [
        ((1920, 1080), (1024, 576)),
        ((1080, 1920), (576, 1024)),
        ((1024, 1024), (1024, 1024)),
        ((640, 360), (640, 360)),
        ((4096, 16), (1024, 4)),
        ((1025, 1), (1024, 1)),
    ],
)
def test_a_picture_is_made_to_fit_whole_and_never_larger(
    size: tuple[int, int], fitted: tuple[int, int]
) -> None:
    made = fit(rtc.VideoFrame(*size, rtc.VideoBufferType.RGBA, bytes(size[0] * size[1] * 4)), 1024)
    assert (made.width, made.height) == fitted


async def test_the_model_is_sent_a_jpeg_of_the_picture_that_fits(
    server: RealtimeServer, session: AgentSession[None]
) -> None:
    VideoSampler(RealtimeSettings())(picture(BLUE, (1920, 1080)), session)
    await server.until(lambda: len(server.images) == 1)
    [image] = server.images
    assert image.shape == (576, 1024, 3)
    assert shows(image, BLUE)
    [part] = server.created[0]["content"]
    assert part["image_url"].startswith("data:image/jpeg;base64,")
    assert server.responses == []


async def test_while_one_picture_is_made_small_others_are_left_and_none_is_queued(
    server: RealtimeServer, session: AgentSession[None]
) -> None:
    sampler = VideoSampler(ALWAYS)
    for colour in (RED, GREEN, GREEN, GREEN):
        assert sampler(picture(colour, (1920, 1080)), session) is False
    await server.until(lambda: len(server.images) == 1)
    await _idle(sampler)
    sampler(picture(BLUE), session)
    await server.until(lambda: len(server.images) == 2)
    assert all(shows(image, colour) for image, colour in zip(server.images, (RED, BLUE), strict=True))


async def test_between_two_pictures_that_are_due_none_is_sent(
    server: RealtimeServer, session: AgentSession[None]
) -> None:
    now = [0.0]
    sampler = VideoSampler(RealtimeSettings(), speaks=lambda _: now[0] >= 10, clock=lambda: now[0])
    for tenth in range(200):
        now[0] = tenth / 10
        sampler(picture(), session)
        await _idle(sampler)
    # 0, 3, 6, 9 in silence; then, as somebody speaks from second 10 on, one a second.
    await server.until(lambda: len(server.images) == 14)
    await session.run(user_input="Is that all?")
    assert len(server.images) == 14


async def test_of_many_images_the_older_half_is_taken_out_and_no_word_of_the_user_is(
    server: RealtimeServer, session: AgentSession[None]
) -> None:
    sampler = VideoSampler(RealtimeSettings(idle_interval=1e-6, keep_images=3))
    for number in range(12):
        sampler(picture(), session)
        await _idle(sampler)
        await session.run(user_input=f"Question {number}")
    held = [item for item in server.items if item.get("role") == "user"]
    images = [item for item in held if item["content"][0]["type"] == "input_image"]
    assert len(server.images) == 12
    assert len(images) <= 6
    assert server.responses[-1].texts == [f"Question {number}" for number in range(12)]
    own = [part for item in session.current_agent.chat_ctx.messages() for part in item.content]
    assert sum(not isinstance(part, str) for part in own) <= len(images)


async def test_a_conversation_without_a_realtime_model_is_shown_nothing_and_does_not_fail() -> None:
    async with AgentSession[None]() as session:
        sampler = VideoSampler(ALWAYS)
        assert sampler(picture(), session) is False
        await session.start(Agent(instructions=""))
        assert sampler(picture(), session) is False
        await _idle(sampler)


async def test_a_session_that_ends_as_a_picture_is_made_small_is_no_error(server: RealtimeServer) -> None:
    sampler = VideoSampler(ALWAYS)
    async with talking(server, Agent(instructions="")) as session:
        sampler(picture(RED, (1920, 1080)), session)
    await _idle(sampler)


async def _idle(sampler: VideoSampler) -> None:
    """Wait until the picture that was taken is on its way."""
    if sampler._showing is not None:
        await asyncio.wait([sampler._showing])
