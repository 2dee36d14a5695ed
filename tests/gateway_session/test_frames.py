"""Frames of a client: taken as they are, judged by their bytes, and on the bus like a room's."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image

from sightline import imaging, subjects, topology
from sightline.bus import Bus
from sightline.messages import Caption, EncodedImage, Frame, Lane, RoomWanted, Track, TrackEnded, Trigger
from sightline_gateway.protocol import Error, FrameAck, FrameReceived
from sightline_gateway.session import VideoSession
from sightline_gateway.session.pictures import MAX_PUBLISHED
from support.encoded import SVG, encoded, png_bomb
from support.frames import jpeg
from support.gateway_sessions import photo, session_with, stages
from support.model_servers import OpenAIServer
from support.sampling import CAPTIONER as LOOKER, Frames, stages_of, ticket
from support.scenes import BLUE, RED, scene
from support.stage import captions, stored


def track_of(session: VideoSession) -> Track:
    return Track(room=session.session_id, participant="client", id="camera")


def in_format(kind: str) -> bytes:
    """A picture of 320 × 180 pixels, in another format than a JPEG."""
    written = io.BytesIO()
    Image.fromarray(scene(RED, "HELLO", (320, 180))).save(written, kind)
    return written.getvalue()


def noise(width: int, height: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """What no encoder makes small."""
    return np.random.default_rng(1).integers(0, 255, (height, width, 3), dtype=np.uint8)


async def test_a_frame_is_acknowledged_with_what_its_bytes_tell(bus: Bus, model: OpenAIServer) -> None:
    data = in_format("WEBP")
    async with session_with(bus, model) as (session, client):
        await client.shows(data, Trigger.SCENE_CHANGE, timestamp=1234)
        [received], [ack] = client.told(FrameReceived), client.told(FrameAck)
        assert session.current_frame_sequence == 1
        assert session.has_visual_context
    assert (received.sequence, received.timestamp, received.trigger_reason) == (1, 1234, Trigger.SCENE_CHANGE)
    assert received.size == len(data)
    assert (received.dimensions.width, received.dimensions.height) == (320, 180)
    assert received.frame_hash == Frame.hash_of(data)
    assert not received.duplicate
    assert ack.sequence == 1
    assert client.messages.index(received) < client.messages.index(ack)


@pytest.mark.parametrize("kind", ["JPEG", "WEBP", "PNG"])
async def test_a_frame_goes_to_the_bus_untouched_and_is_captioned_and_encoded(
    bus: Bus, model: OpenAIServer, kind: str
) -> None:
    data = in_format(kind)
    async with (
        stages(bus),
        captions(bus) as said,
        stored(bus, topology.IMAGES, EncodedImage) as made,
        session_with(bus, model) as (session, client),
        Frames.of(bus, track_of(session)) as frames,
    ):
        await client.shows(data, Trigger.INITIAL)
        frame = await frames.next()
        [caption], [image] = await said.has(1), await made.has(1)
    assert frame.data == data
    assert frame.content_type == f"image/{kind.lower()}"
    assert (frame.sequence, frame.trigger, frame.unchanged_since) == (1, Trigger.INITIAL, None)
    assert (frame.width, frame.height) == (320, 180)
    assert "HELLO" in caption.text
    assert image.frame.id == frame.id
    assert imaging.check(image.data).content_type == "image/jpeg"


async def test_a_request_of_the_user_takes_the_urgent_lane(bus: Bus, model: OpenAIServer) -> None:
    async with stages_of(bus, LOOKER), session_with(bus, model) as (session, client):
        await client.shows(photo(RED), Trigger.USER_REQUEST)
        assert await ticket(bus, Lane.URGENT, track=track_of(session))
        assert not await ticket(bus, Lane.ROUTINE, track=track_of(session))


async def test_a_client_that_calls_every_frame_urgent_does_not_get_the_urgent_lane_each_time(
    bus: Bus, model: OpenAIServer
) -> None:
    async with (
        stages_of(bus, LOOKER),
        session_with(bus, model) as (session, client),
        Frames.of(bus, track_of(session)) as frames,
    ):
        for colour in (RED, BLUE):
            await client.shows(photo(colour), Trigger.USER_REQUEST)
        triggers = [(await frames.next()).trigger for _ in range(2)]
    assert triggers == [Trigger.USER_REQUEST, Trigger.TIMER]
    # What the client is told of it is its own word.
    assert {each.trigger_reason for each in client.told(FrameReceived)} == {Trigger.USER_REQUEST}


async def test_the_same_bytes_again_are_a_duplicate_that_confirms_the_scene(
    bus: Bus, model: OpenAIServer
) -> None:
    async with stages_of(bus, LOOKER), session_with(bus, model) as (session, client):
        async with Frames.of(bus, track_of(session)) as frames:
            await client.shows(photo(RED))
            await client.shows(photo(RED))
            first, second = await frames.next(), await frames.next()
        assert (second.sequence, second.unchanged_since) == (2, first.sequence)
        assert [each.duplicate for each in client.told(FrameReceived)] == [False, True]
        assert [entry.sequence for entry in session.frame_context] == [1]
        assert session.current_frame_sequence == 2


async def test_a_client_may_say_by_its_hash_that_nothing_changed(bus: Bus, model: OpenAIServer) -> None:
    async with (
        stages_of(bus, LOOKER),
        session_with(bus, model) as (session, client),
        Frames.of(bus, track_of(session)) as frames,
    ):
        await client.shows(photo(RED))
        known = client.told(FrameReceived)[0].frame_hash
        await client.shows(b"", previous_frame_ref=known)
        first, second = await frames.next(), await frames.next()
    assert (second.unchanged_since, second.data) == (first.sequence, first.data)
    assert [(each.duplicate, each.size) for each in client.told(FrameReceived)] == [
        (False, len(photo(RED))),
        (True, 0),
    ]


async def test_a_reference_to_another_frame_is_no_picture(bus: Bus, model: OpenAIServer) -> None:
    async with session_with(bus, model) as (_, client):
        await client.shows(photo(RED))
        await client.shows(b"", previous_frame_ref="0" * 32)
        [error] = client.told(Error)
    assert (error.code, error.sequence) == ("frame_invalid", 2)
    assert "expected a picture" in error.message
    assert len(client.told(FrameReceived)) == 1


async def test_frames_that_show_nothing_new_cost_no_captions(bus: Bus, model: OpenAIServer) -> None:
    # The same scene, encoded anew: other bytes.
    pictures = [jpeg(scene(RED, "HELLO")), in_format_of(scene(RED, "HELLO"), 80), photo(BLUE, "WORLD")]
    async with stages(bus, "captioner"), session_with(bus, model) as (_, client), captions(bus) as said:
        await client.shows(pictures[0])
        await said.has(1)
        await client.shows(pictures[1])
        await client.shows(pictures[2])
        found: list[Caption] = await said.has(2)
    assert [caption.frame.sequence for caption in found if caption.frame] == [1, 3]
    assert [each.duplicate for each in client.told(FrameReceived)] == [False, False, False]


def in_format_of(pixels: Any, quality: int) -> bytes:
    written = io.BytesIO()
    Image.fromarray(pixels).save(written, "JPEG", quality=quality)
    return written.getvalue()


async def test_a_frame_that_is_too_large_is_an_error_and_the_session_lives_on(
    bus: Bus, model: OpenAIServer
) -> None:
    async with session_with(bus, model) as (session, client):
        await client.shows(bytes(int(6.2 * 1024 * 1024)))
        [error] = client.told(Error)
        assert (error.code, error.sequence) == ("frame_too_large", 1)
        assert error.message == "Frame too large (6.2 MB). Maximum allowed: 5.0 MB"
        assert not session.has_visual_context
        await client.shows(photo(RED))
        assert session.has_visual_context


async def test_the_limit_is_a_setting(bus: Bus, model: OpenAIServer) -> None:
    async with session_with(bus, model, max_frame_input_size=1024) as (session, client):
        assert await session.send_frame(bytes(1025), "What is this?") == ""
        [error] = client.told(Error)
    assert error.message == "Frame too large (0.0 MB). Maximum allowed: 0.0 MB"
    assert model.requests == [] or all("chat/completions" not in each.path for each in model.requests)


async def test_a_picture_that_the_bus_would_not_take_is_made_smaller(bus: Bus, model: OpenAIServer) -> None:
    data = jpeg(noise(2000, 1000))
    assert len(data) > MAX_PUBLISHED
    async with session_with(bus, model) as (session, client):
        async with Frames.of(bus, track_of(session)) as frames:
            await client.shows(data)
            frame = await frames.next()
        [received] = client.told(FrameReceived)
    assert len(frame.data) <= MAX_PUBLISHED
    assert imaging.check(frame.data)[1:] == (frame.width, frame.height)
    assert frame.width == 2 * frame.height < 2000
    # The client is told of what it sent.
    assert received.size == len(data)
    assert (received.dimensions.width, received.dimensions.height) == (2000, 1000)
    assert received.frame_hash == frame.content_hash == Frame.hash_of(data)


WHOLE = photo(RED)
BROKEN = {
    "cut in half": WHOLE[: len(WHOLE) // 2],
    "random bytes": bytes(np.random.default_rng(2).integers(0, 255, 5_000, dtype=np.uint8)),
    "empty": b"",
    "SVG": SVG,
    "a GIF": encoded("GIF"),
    "broken behind its header": WHOLE[:700] + bytes(200) + WHOLE[-2:],
    "a WebP cut short": in_format("WEBP")[:-100],
    "a PNG of 10,000 × 10,000": png_bomb(10_000, 10_000),
    "a JPEG that claims 12,000 × 12,000": WHOLE.replace(
        (360).to_bytes(2, "big") + (640).to_bytes(2, "big"), (12_000).to_bytes(2, "big") * 2, 1
    ),
}


@pytest.mark.parametrize("what", BROKEN)
async def test_a_picture_that_is_none_is_refused_and_the_next_one_taken(
    bus: Bus, model: OpenAIServer, what: str
) -> None:
    async with session_with(bus, model) as (session, client):
        await client.shows(BROKEN[what])
        [error] = client.told(Error)
        assert (error.code, error.sequence) == ("frame_invalid", 1)
        assert error.message.startswith("Frame not taken: ")
        assert not session.has_visual_context
        await client.shows(WHOLE)
        [received] = client.told(FrameReceived)
        assert received.sequence == 2
        assert await bus.newest(Frame, subjects.frame(track_of(session)))


async def test_a_session_of_the_same_id_counts_on_where_it_was(bus: Bus, model: OpenAIServer) -> None:
    async with (
        session_with(bus, model, session_id="kitchen") as (session, client),
        Frames.of(bus, track_of(session)) as frames,
    ):
        await client.shows(photo(RED))
        await client.shows(photo(BLUE))
        assert [(await frames.next()).sequence for _ in range(2)] == [1, 2]
    async with session_with(bus, model, session_id="kitchen") as (session, client):
        await client.shows(photo(RED))
        found = await bus.newest(Frame, subjects.frame(track_of(session)))
        assert found is not None
        # Three is the end of the first.
        assert found.message.sequence == 4
        assert client.told(FrameReceived)[0].sequence == 1


async def test_the_end_of_a_session_takes_its_frame_out_of_view(bus: Bus, model: OpenAIServer) -> None:
    async with session_with(bus, model) as (session, client):
        await client.shows(photo(RED))
        track = track_of(session)
    found = await bus.newest((Frame, TrackEnded), subjects.frame(track))
    assert found is not None
    assert isinstance(found.message, TrackEnded)


async def test_the_rooms_of_sessions_are_announced_to_nobody(bus: Bus, model: OpenAIServer) -> None:
    async with stages(bus), session_with(bus, model) as (session, client):
        await client.shows(photo(RED), Trigger.INITIAL)
        await session.send_text("What do I hold?")
        assert await bus.newest(RoomWanted, subjects.room(session.session_id)) is None


async def test_a_stage_that_comes_later_is_given_the_newest_frame(bus: Bus, model: OpenAIServer) -> None:
    async with session_with(bus, model) as (_, client), captions(bus) as said:
        await client.shows(photo(RED, "HELLO"))
        async with stages(bus, "captioner"):
            [caption] = await said.has(1)
    assert "HELLO" in caption.text


async def test_frames_that_come_too_fast_for_a_stage_leave_none_undescribed(
    bus: Bus, model: OpenAIServer
) -> None:
    async with stages(bus, "captioner"), session_with(bus, model) as (_, client), captions(bus) as said:
        for word in ("ONE", "TWO", "THREE", "FOUR"):
            await client.shows(photo(RED if word < "P" else BLUE, word))
        caption = await said.says("FOUR")
    assert caption.frame.sequence == 4
