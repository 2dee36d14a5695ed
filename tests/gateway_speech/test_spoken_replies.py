"""Replies of an ``AgentSession`` without a room, spoken to a client by a real text-to-speech model."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import numpy as np
from livekit.agents import Agent, AgentSession
from livekit.agents.llm import ChatMessage
from livekit.plugins import openai

from sightline_gateway.protocol import AudioChunk, SpeechInterrupted
from sightline_gateway.speech.speaking import SpokenOutput
from support.gateway_speech import Client
from support.http_server import Status
from support.speech import recognised
from support.voice_server import SPEECH, VoiceServer

LONG = "You hold a red mug in your left hand. Behind it there is a large window, and it rains outside."
SHORT = "It is a blue book."
WHOLE = ["speech_stream_start", "audio_chunk", "speech_stream_end"]


@asynccontextmanager
async def talk(
    llm: openai.LLM, tts: openai.TTS
) -> AsyncIterator[tuple[AgentSession[None], SpokenOutput, Client]]:
    client = Client()
    output = SpokenOutput(client.take)
    turns = {"turn_detection": None, "interruption": {"resume_false_interruption": False}}
    session: AgentSession[None] = AgentSession(llm=llm, tts=tts, vad=None, turn_handling=turns)
    session.output.audio = output
    await session.start(Agent(instructions="Answer briefly."))
    try:
        yield session, output, client
    finally:
        await session.aclose()
        await output.aclose()


async def test_a_reply_is_spoken(voice: VoiceServer, llm: openai.LLM, tts: openai.TTS) -> None:
    voice.answer = SHORT
    async with talk(llm, tts) as (session, _, client):
        handle = session.generate_reply(user_input="What is this?")
        await handle.wait_for_playout()
        assert client.types == WHOLE
        assert recognised(np.concatenate(client.sounds), [SHORT, "Nothing is in view."]) == SHORT
        assert not handle.interrupted


async def test_an_interrupted_reply_falls_silent_and_the_next_one_is_spoken_whole(
    voice: VoiceServer, llm: openai.LLM, tts: openai.TTS
) -> None:
    voice.answer = LONG
    async with talk(llm, tts) as (session, output, client):
        first = session.generate_reply(user_input="What do you see?")
        await client.has(AudioChunk)
        output.reason = "user_speaking"
        await session.interrupt()
        sent = len(client.messages)
        await first
        assert client.messages[-1] == SpeechInterrupted(reason="user_speaking")
        assert len(client.messages) == sent

        voice.answer = SHORT
        client.messages.clear()
        await session.generate_reply(user_input="And what is this?").wait_for_playout()
        assert client.types == WHOLE
        assert recognised(np.concatenate(client.sounds), [SHORT, "Nothing is in view."]) == SHORT
        said = [item for item in session.history.items if isinstance(item, ChatMessage)]
        assert [(item.role, item.interrupted) for item in said] == [
            ("user", False),
            ("assistant", True),
            ("user", False),
            ("assistant", False),
        ]


async def test_a_reply_whose_session_ends_falls_silent(
    voice: VoiceServer, llm: openai.LLM, tts: openai.TTS
) -> None:
    voice.answer = LONG
    async with talk(llm, tts) as (session, _, client):
        session.generate_reply(user_input="What do you see?")
        await client.has(AudioChunk)
    assert client.types[-1] == "speech_interrupted"
    assert len(client.of(SpeechInterrupted)) == 1


async def test_a_reply_that_cannot_be_spoken_does_not_hold_up_the_conversation(
    voice: VoiceServer, llm: openai.LLM, tts: openai.TTS
) -> None:
    async with talk(llm, tts) as (session, _, client):
        voice.answer = lambda _: (voice.fail(Status(401), times=1), SHORT)[
            1
        ]  # the next request is for speech
        await session.generate_reply(user_input="What is this?")
        assert client.messages == []
        voice.answer = SHORT
        await session.generate_reply(user_input="What is this?")
        assert client.types == WHOLE
    assert len(voice.asked(SPEECH)) == 2
