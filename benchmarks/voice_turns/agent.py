"""The process of all agents: a conversation in each room, of the kind that the room's name begins with.

    python -m voice_turns.agent ROOM... --livekit URL KEY SECRET --models URL --moondream URL --speech URL

Those of rooms whose name ends with ``aloud`` hear and speak. Writes lines of JSON onto stdout: one when it
is ready, then one for each turn. Reads such lines from stdin, ``{"rooms": […], "turns": 4, "speech": 1.5}``:
drives so many turns of so many seconds of speech in each of these rooms, and writes a line at the end.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from livekit import api, rtc
from livekit.agents import Agent
from livekit.agents.voice.room_io import RoomOptions

from baselines.voice_image import ImageInTurn
from baselines.voice_moondream import AsyncMoondreamRecipe, MoondreamRecipe
from sightline_agent import VisionAgent
from sightline_agent.models import close_models
from sightline_agent.settings import AgentSettings
from sightline_agent.worker import build_session
from voice_turns.clock import Ticker
from voice_turns.talk import Talk, Told

# The reply is begun when the turn is over, in all of them: an image that is appended to a turn is not in a
# reply that was begun before it, and a description costs a second request then.
HANDLING = {"preemptive_generation": {"enabled": False}}


def make_agent(name: str, room: rtc.Room, settings: AgentSettings, moondream: str) -> Agent:
    common: dict[str, Any] = {"instructions": f"room: {name}", "turn_handling": HANDLING}
    match name.split("-")[0]:
        case "sightline":
            return VisionAgent(vision=settings, **common)
        case "recipe":
            return MoondreamRecipe(moondream, room=room, **common)
        case "async_recipe":
            return AsyncMoondreamRecipe(moondream, room=room, **common)
        case "image":
            return ImageInTurn(room=room, **common)
        case "blind":
            return Agent(**common)
    raise ValueError(f"expected a room whose name begins with a kind of agent, got {name!r}")


async def main(asked: argparse.Namespace) -> None:
    async with AsyncExitStack() as stack:
        told, ticker = Told(), Ticker()
        stack.push_async_callback(ticker.stop)
        talks = {
            name: await stack.enter_async_context(talk(asked, name, ticker, told)) for name in asked.rooms
        }
        told.line(ready=True)
        while line := await asyncio.to_thread(sys.stdin.readline):
            wanted = json.loads(line)
            await drive([talks[name] for name in wanted["rooms"]], wanted["turns"], wanted["speech"])
            told.line(driven=True)


async def drive(talks: list[Talk], turns: int, speech: float) -> None:
    """Turns in several rooms, evenly spread in time so that they do not end at once."""
    async with asyncio.TaskGroup() as group:
        for number, each in enumerate(talks):
            group.create_task(each.drive(turns, speech, speech * number / len(talks)))


@asynccontextmanager
async def talk(asked: argparse.Namespace, name: str, ticker: Ticker, told: Told) -> AsyncIterator[Talk]:
    """Be in a room with a session, as the worker is."""
    aloud = name.endswith("aloud")
    settings = AgentSettings(
        llm_base_url=asked.models, llm_model="test-model", speech_base_url=asked.speech if aloud else ""
    )
    room = rtc.Room()
    url, key, secret = asked.livekit
    grants = api.VideoGrants(room_join=True, room=name, agent=True)
    token = api.AccessToken(key, secret).with_identity("agent").with_grants(grants).with_kind("agent")
    await room.connect(url, token.to_jwt())
    session = await build_session(settings)
    options = RoomOptions(audio_input=aloud, audio_output=aloud, text_input=True)
    agent = make_agent(name, room, settings, asked.moondream)
    try:
        await session.start(agent, room=room, room_options=options)
        conversation = Talk(name, session, ticker, told)
        conversation.open()
        yield conversation
    finally:
        await session.aclose()
        await close_models(session)
        await room.disconnect()


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    add = parser.add_argument
    add("rooms", nargs="+")
    add("--livekit", nargs=3, required=True, metavar=("URL", "KEY", "SECRET"))
    add("--models", required=True, help="the language model's endpoint")
    add("--moondream", required=True, help="Moondream's endpoint")
    add("--speech", required=True, help="the endpoint of speech")
    return parser.parse_args()


if __name__ == "__main__":
    # As LiveKit freezes what it preloads for the processes of jobs: what was imported is not looked through
    # for garbage, in which the event loop would stand still for a sixth of a second.
    gc.collect()
    gc.freeze()
    asyncio.run(main(arguments()))
