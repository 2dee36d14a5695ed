"""The local avatar on a real LiveKit server: who it is, what it says, and how its face moves."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest
from livekit import api, rtc
from livekit.agents.voice.avatar import DataStreamAudioOutput

from sightline_agent.avatar import AvatarSettings
from support.avatars import AGENT, ON_BEHALF, openness, talk
from support.livekit_publisher import Publisher
from support.livekit_server import LiveKitServer
from support.spectator import Seen, Spectator
from support.speech import RATE, is_heard, recognised, spoken, trimmed
from support.voice_server import VoiceServer

pytestmark = pytest.mark.livekit

LOCAL = AvatarSettings(avatar="local")
SENTENCE = "The kettle boils, and the water is hot."
OTHER = "Somebody opened the window this morning."
LONG = "One two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen."


async def test_what_the_agent_says_is_heard_and_seen_from_its_avatar(
    livekit: LiveKitServer, room: str, voice: VoiceServer
) -> None:
    async with Spectator(livekit, room, "bob") as bob, talk(livekit, room, voice, LOCAL) as session:
        avatar = await bob.finds(lambda each: ON_BEHALF in each.attributes)
        await session.session.say(SENTENCE)
        await bob.until(lambda: recognised(bob.heard, [SENTENCE, OTHER]) == SENTENCE)
        await bob.until(lambda: len(bob.pictures) > 10)
        agent = await bob.finds(lambda each: each.identity == AGENT)
        own = session.room.remote_participants[avatar.identity].track_publications.values()
        [video] = [each for each in own if each.kind == rtc.TrackKind.KIND_VIDEO]
        await bob.until(lambda: not video.subscribed)
    assert avatar.attributes[ON_BEHALF] == AGENT
    assert avatar.kind == rtc.ParticipantKind.PARTICIPANT_KIND_AGENT
    assert avatar.identity == session.avatar.avatar_identity != AGENT
    assert bob.sources == {rtc.TrackSource.SOURCE_MICROPHONE, rtc.TrackSource.SOURCE_CAMERA}
    assert not agent.track_publications, "the agent speaks through its avatar alone"
    height, width, _ = bob.pictures[-1].pixels.shape
    assert height == width


async def test_a_typed_turn_is_answered_by_the_avatar(
    livekit: LiveKitServer, room: str, voice: VoiceServer
) -> None:
    async with Spectator(livekit, room, "bob") as bob, talk(livekit, room, voice, LOCAL):
        await bob.finds(lambda each: ON_BEHALF in each.attributes)
        await bob.room.local_participant.send_text("What do I hold?", topic="lk.chat")
        await bob.until(lambda: recognised(bob.heard, [str(voice.answer), OTHER]) == voice.answer)


async def test_the_mouth_moves_with_the_voice(livekit: LiveKitServer, room: str, voice: VoiceServer) -> None:
    async with Spectator(livekit, room, "bob") as bob, talk(livekit, room, voice, LOCAL) as session:
        await bob.until(lambda: len(bob.pictures) > 5)
        at_rest = len(bob.pictures)
        await session.session.say(SENTENCE)
        said = len(bob.pictures)
        await bob.until(lambda: len(bob.pictures) > said + 10)
    heard = bob.heard
    loud = [openness(each.pixels) for each in bob.pictures[at_rest:] if _power(heard, each) > 1_000]
    before = [openness(each.pixels) for each in bob.pictures[:at_rest]]
    after = [openness(each.pixels) for each in bob.pictures[said + 5 :]]
    assert len(loud) > 10
    assert max(before + after) < 0.1
    assert np.mean(loud) > 2 * np.mean(before + after)
    assert max(loud) > 0.2


def _power(heard: np.ndarray, picture: Seen) -> float:
    """The loudness around the moment of a picture."""
    around = heard[max(0, picture.heard - RATE // 20) : picture.heard + RATE // 20].astype(float)
    return float(np.sqrt(np.mean(around**2))) if len(around) else 0.0


async def test_an_interruption_silences_the_avatar_and_the_next_sentence_is_heard(
    livekit: LiveKitServer, room: str, voice: VoiceServer
) -> None:
    async with Spectator(livekit, room, "bob") as bob, talk(livekit, room, voice, LOCAL) as session:
        for _ in range(3):
            begun = len(bob.heard)
            speech = session.session.say(LONG)
            await bob.until(lambda begun=begun: is_heard(bob.heard[begun:]))
            await speech.interrupt()
            await bob.until(lambda: not is_heard(bob.heard[-RATE // 3 :]))
            silent = len(bob.heard)
            assert len(trimmed(bob.heard[begun:])) < len(spoken(LONG)) / 2
            states = asyncio.Queue[str]()
            session.session.on("agent_state_changed", lambda event, to=states: to.put_nowait(event.new_state))
            await session.session.say(SENTENCE)
            assert await states.get() == "speaking", "the avatar told when it began"
            await bob.until(lambda since=silent: recognised(bob.heard[since:], [SENTENCE, LONG]) == SENTENCE)
            await bob.until(lambda: not is_heard(bob.heard[-RATE // 3 :]))


async def test_the_avatar_leaves_with_the_session(
    livekit: LiveKitServer, room: str, voice: VoiceServer
) -> None:
    async with Spectator(livekit, room, "bob") as bob, talk(livekit, room, voice, LOCAL) as session:
        avatar = await bob.finds(lambda each: ON_BEHALF in each.attributes)
        await session.session.aclose()
        await bob.until(lambda: avatar.identity in bob.left)
        assert AGENT not in bob.left
    assert avatar.identity not in DataStreamAudioOutput._playback_finished_handlers


async def test_an_avatar_that_is_pushed_out_of_the_room_comes_back_and_speaks(
    livekit: LiveKitServer, room: str, voice: VoiceServer
) -> None:
    async with Spectator(livekit, room, "bob") as bob, talk(livekit, room, voice, LOCAL) as session:
        avatar = await bob.finds(lambda each: ON_BEHALF in each.attributes)
        speech = session.session.say(LONG)
        await bob.until(lambda: is_heard(bob.heard))
        async with Publisher(livekit, room, avatar.identity):
            await speech  # which ends, though nobody says so
            await bob.until(lambda: avatar.identity in bob.left)
            await bob.finds(lambda each: ON_BEHALF in each.attributes)
        since = len(bob.heard)
        await session.session.say(SENTENCE)
        await bob.until(lambda: recognised(bob.heard[since:], [SENTENCE, LONG]) == SENTENCE)


async def test_a_session_whose_avatar_was_removed_goes_on_in_writing(
    livekit: LiveKitServer, room: str, voice: VoiceServer
) -> None:
    async with Spectator(livekit, room, "bob") as bob, talk(livekit, room, voice, LOCAL) as session:
        avatar = await bob.finds(lambda each: ON_BEHALF in each.attributes)
        speech = session.session.say(LONG)
        await bob.until(lambda: is_heard(bob.heard))
        async with api.LiveKitAPI(livekit.url, livekit.api_key, livekit.api_secret) as server:
            gone = api.RoomParticipantIdentity(room=room, identity=avatar.identity)
            await server.room.remove_participant(gone)
        await speech
        reply = await session.session.generate_reply(user_input="What do I hold?")
        [message] = [item for item in reply.chat_items if item.type == "message"]
        assert message.text_content == voice.answer
        assert not any(ON_BEHALF in each.attributes for each in bob.room.remote_participants.values())
