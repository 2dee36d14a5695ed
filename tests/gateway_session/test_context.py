"""The frames that a session remembers, and what the captioner says of them."""

from __future__ import annotations

from datetime import timedelta

import pytest

from sightline.bus import Bus
from sightline.errors import SettingsError
from sightline.messages import Frame, Trigger
from sightline_gateway.protocol import ConfigChanged, ResponseComplete
from sightline_gateway.session import VideoSession
from sightline_gateway.session.context import FrameContext, FrameEntry
from support.frames import jpeg
from support.gateway_sessions import photo, session_with, stages
from support.model_servers import OpenAIServer
from support.scenes import BLUE, GREEN, RED, scene
from support.sights import START


async def described(session: VideoSession, *words: str) -> None:
    """Wait until each frame's description holds its word."""
    eyes = session._agent.eyes
    assert eyes is not None

    def are() -> bool:
        return all(
            word in entry.description for word, entry in zip(words, session.frame_context, strict=True)
        )

    assert await eyes.until(are, 30), session.frame_context


async def test_each_frame_is_remembered_with_what_the_captioner_says_of_it(
    bus: Bus, model: OpenAIServer
) -> None:
    before = bus.now()
    async with stages(bus, "captioner"), session_with(bus, model) as (session, client):
        await client.shows(photo(RED, "HELLO"), Trigger.INITIAL)
        await described(session, "HELLO")
        await client.shows(photo(BLUE, "WORLD"), Trigger.SCENE_CHANGE)
        await described(session, "HELLO", "WORLD")
        first, second = session.frame_context
    assert (first.sequence, second.sequence) == (1, 2)
    assert (first.trigger_reason, second.trigger_reason) == (Trigger.INITIAL, Trigger.SCENE_CHANGE)
    assert first.frame_hash == Frame.hash_of(photo(RED, "HELLO"))
    # When it came, whatever the client's clock says.
    assert (
        before.timestamp() * 1000 - 1 <= first.timestamp <= second.timestamp <= bus.now().timestamp() * 1000
    )


async def test_a_frame_of_the_same_scene_has_the_description_of_that_scene(
    bus: Bus, model: OpenAIServer
) -> None:
    async with stages(bus, "captioner"), session_with(bus, model) as (session, client):
        await client.shows(photo(RED, "HELLO"))
        await described(session, "HELLO")
        brighter = jpeg(scene((203, 33, 33), "HELLO"))
        await client.shows(brighter)
        first, second = session.frame_context
    assert first.frame_hash != second.frame_hash
    assert second.description == first.description


async def test_the_oldest_frames_are_forgotten_first(bus: Bus, model: OpenAIServer) -> None:
    async with session_with(bus, model, max_context_frames=2) as (session, client):
        for colour in (RED, GREEN, BLUE):
            await client.shows(photo(colour))
        assert [entry.sequence for entry in session.frame_context] == [2, 3]
        assert session.current_frame_sequence == 3
        await session.send_text("What did you see?")
    [complete] = client.told(ResponseComplete)
    assert complete.frame_context is not None
    assert (complete.frame_context.frame_count, complete.frame_context.last_frame_sequence) == (2, 3)


async def test_how_many_are_remembered_can_be_changed(bus: Bus, model: OpenAIServer) -> None:
    async with session_with(bus, model) as (session, client):
        heard: list[ConfigChanged] = []
        session.on("config_changed", heard.append)
        for colour in (RED, GREEN, BLUE):
            await client.shows(photo(colour))
        config = session.update_config(max_context_frames=1)
        assert [entry.sequence for entry in session.frame_context] == [3]
        session.update_config(max_context_frames=2)
        await client.shows(photo(RED))
        assert [entry.sequence for entry in session.frame_context] == [3, 4]
    assert config.max_context_frames == 1
    assert [each.config.max_context_frames for each in heard] == [1, 2]
    assert client.told(ConfigChanged) == heard


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"max_context_frames": 0}, "max_context_frames: Input should be greater than or equal to 1, got 0"),
        ({"frame_rate": 5}, "expected settings of max_context_frames, .* got frame_rate"),
    ],
)
async def test_a_setting_that_cannot_be_is_refused_and_nothing_changes(
    bus: Bus, model: OpenAIServer, changes: dict[str, int], said: str
) -> None:
    async with session_with(bus, model) as (session, client):
        before = session.config
        with pytest.raises(SettingsError, match=said):
            session.update_config(**changes)
        assert session.config == before
        assert client.told(ConfigChanged) == []


def entry(sequence: int) -> FrameEntry:
    return FrameEntry(sequence, 1000 * sequence, Trigger.TIMER, f"{sequence:032x}")


def test_the_header_counts_the_frames_and_tells_when_the_newest_came() -> None:
    context = FrameContext(2)
    assert context.header() == ""
    for sequence in (1, 2, 3):
        context.add(entry(sequence), None)
        context.came(sequence, START + timedelta(seconds=sequence, milliseconds=7))
    assert context.header() == "[Visual context: 2 frames captured, latest at 2026-05-01T12:00:03.007Z]"
