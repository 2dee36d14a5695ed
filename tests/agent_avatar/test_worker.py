"""The ready-made worker with an avatar, as a process."""

from __future__ import annotations

import asyncio
import os
import sys
from asyncio.subprocess import PIPE
from collections.abc import Mapping
from pathlib import Path

import pytest
from livekit import rtc

from support.avatars import ON_BEHALF
from support.livekit_server import LiveKitServer
from support.nats_server import Server
from support.spectator import Spectator
from support.speech import recognised
from support.system import AGENT, running_system
from support.voice_server import VoiceServer

GREETING = "Good morning, the kettle is hot."
OTHER = "Somebody opened the window a while ago."
PLUGINS = Path(__file__).parent / "plugins"


def settings(voice: VoiceServer, **avatar: str) -> Mapping[str, str]:
    return {
        "AGENT_LLM_BASE_URL": voice.url,
        "AGENT_LLM_MODEL": "test-model",
        "AGENT_SPEECH_BASE_URL": voice.url,
        "AGENT_GREETING": GREETING,
        "AGENT_IDLE_PROCESSES": "0",
        **avatar,
    }


@pytest.mark.livekit
@pytest.mark.parametrize("executor", ["process", "thread"])
async def test_the_worker_greets_through_its_avatar_which_leaves_with_the_caller(
    executor: str, livekit: LiveKitServer, nats: Server, room: str, voice: VoiceServer
) -> None:
    local = settings(voice, AGENT_AVATAR="local", AGENT_AVATAR_OPTIONS='{"name": "Ada"}')
    async with running_system(nats.url, livekit) as system:
        await system.start(AGENT, AGENT_EXECUTOR=executor, **local)
        # Carol, who called, hears nothing: the greeting waits for somebody who does.
        async with Spectator(livekit, room, "carol", of_avatars=False) as carol:
            await carol.finds(lambda each: "lk.agent.state" in each.attributes)
            async with Spectator(livekit, room, "bob") as bob:
                avatar = await bob.finds(lambda each: ON_BEHALF in each.attributes)
                await bob.until(lambda: recognised(bob.heard, [GREETING, OTHER]) == GREETING)
                await bob.until(lambda: len(bob.pictures) > 10)
                agent = await bob.finds(lambda each: each.identity == avatar.attributes[ON_BEHALF])
                assert avatar.name == "Ada"
                assert agent.kind == rtc.ParticipantKind.PARTICIPANT_KIND_AGENT
                assert not agent.track_publications
                await carol.leave()
                await bob.until(lambda: avatar.identity in bob.left)


@pytest.mark.livekit
async def test_an_avatar_that_does_not_start_leaves_the_agent_its_voice(
    livekit: LiveKitServer, nats: Server, room: str, voice: VoiceServer
) -> None:
    options = '{"avatar_id": "ada", "fails": "no seat is free"}'
    away = settings(voice, AGENT_AVATAR="mirror", AGENT_AVATAR_OPTIONS=options, PYTHONPATH=str(PLUGINS))
    async with running_system(nats.url, livekit) as system:
        await system.start(AGENT, **away)
        async with Spectator(livekit, room, "bob", of_avatars=False) as bob:
            await bob.until(lambda: recognised(bob.heard, [GREETING, OTHER]) == GREETING)
            [agent] = bob.room.remote_participants.values()
            assert ON_BEHALF not in agent.attributes


@pytest.mark.parametrize(
    ("avatar", "message"),
    [
        ({"AGENT_AVATAR": "hedra"}, "agent: AGENT_AVATAR: the plugin `hedra` is not installed; `pip install"),
        (
            {"AGENT_AVATAR": "local", "AGENT_AVATAR_OPTIONS": '{"colour": "red"}'},
            "agent: AGENT_AVATAR_OPTIONS: `local` takes name, size, fps; got colour",
        ),
    ],
)
async def test_a_worker_whose_avatar_cannot_be_had_says_so_and_does_not_start(
    avatar: dict[str, str], message: str, voice: VoiceServer
) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "sightline_agent", "start"),
        stderr=PIPE,
        env={**os.environ, **settings(voice, **avatar)},
    )
    _, said = await process.communicate()
    assert process.returncode == 2
    assert said.decode().startswith(message)
