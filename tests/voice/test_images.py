"""Images in a spoken call: what the usual recipe loses, and what a VisionAgent's turns are shown.

The recipe, as it is told everywhere, appends the newest frame to the user's message in
``on_user_turn_completed``. A reply that is begun early is asked for before that, and typed turns do
not come by there.
"""

from __future__ import annotations

import asyncio
import base64

import pytest
from livekit.agents import Agent
from livekit.agents.llm import ChatContext, ChatMessage, ImageContent

from sightline.bus import Bus
from sightline_agent import VisionAgent
from support.agents import users_words
from support.frames import BLUE, RED, jpeg, plain
from support.livekit_server import LiveKitServer
from support.scenes import GREEN
from support.voice_call import BEFORE, WHAT, call, camera, handling, hearing
from support.voice_server import VoiceServer

pytestmark = pytest.mark.livekit

MUG, BOOK, PLANT = (jpeg(plain(colour, 64, 48)) for colour in (RED, BLUE, GREEN))


class Recipe(Agent):
    """What a vision agent usually is. The newest frame is given, not sampled: the recipe's best case."""

    def __init__(self, voice: VoiceServer, preemptive: bool) -> None:
        super().__init__(instructions="Be brief.", turn_handling=handling(preemptive))
        self.newest = MUG
        self._voice, self._preemptive = voice, preemptive

    async def on_user_turn_completed(self, turn_ctx: ChatContext, new_message: ChatMessage) -> None:
        if self._preemptive:
            # However busy this machine is: the reply has been begun, which is what preemptive means.
            await self._voice.asked_for_turns(1)
        url = f"data:image/jpeg;base64,{base64.b64encode(self.newest).decode()}"
        new_message.content.append(ImageContent(image=url))


async def test_the_usual_recipe_shows_nothing_in_a_preemptive_turn_and_the_past_in_a_typed_one(
    livekit: LiveKitServer, voice: VoiceServer
) -> None:
    agent = Recipe(voice, preemptive=True)
    async with asyncio.timeout(90), call(livekit, "recipe", agent, voice, hearing(voice)) as talk:
        await talk.say(WHAT)
        agent.newest = BOOK
        await talk.type("And now?")
    spoken, typed = voice.turns
    assert spoken.images == []
    assert typed.images == [MUG]


async def test_the_usual_recipe_shows_the_image_where_nothing_is_begun_early(
    livekit: LiveKitServer, voice: VoiceServer
) -> None:
    agent = Recipe(voice, preemptive=False)
    async with asyncio.timeout(90), call(livekit, "plain recipe", agent, voice, hearing(voice)) as talk:
        await talk.say(WHAT)
    [spoken] = voice.turns
    assert spoken.images == [MUG]


async def test_a_vision_agents_turns_show_the_image_of_their_moment_and_the_captions_of_earlier_ones(
    livekit: LiveKitServer, bus: Bus, voice: VoiceServer
) -> None:
    room, settings = "pictures", hearing(voice, mode="images")
    agent = VisionAgent(
        instructions="Be brief.", vision=settings, bus=bus, turn_handling=handling(preemptive=True)
    )
    async with (
        asyncio.timeout(90),
        camera(bus, room) as alices,
        call(livekit, room, agent, voice, settings) as talk,
    ):
        alices.next, alices.pixels = "a red mug", MUG
        await talk.say(WHAT)
        alices.pixels = BOOK
        await alices.shows("a blue book")
        await talk.sees("a blue book")
        await talk.type("And now?")
        alices.next, alices.pixels = "a green plant", PLANT
        await talk.say(BEFORE)
    spoken, typed, last = voice.turns
    assert spoken.images == [MUG]
    assert typed.images == [BOOK]
    assert '"a red mug"' in users_words(typed)[0]
    assert '"a blue book"' in users_words(last)[1]
    assert last.images == [PLANT]
