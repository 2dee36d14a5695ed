"""Speech on its way to a client: pieces that play by themselves, and an end to it when interrupted."""

from __future__ import annotations

import asyncio
from typing import Any

import numpy as np
import pytest

from sightline_gateway.protocol import (
    AudioChunk,
    SpeechInterrupted,
    SpeechStreamEnd,
    SpeechStreamStart,
    from_server,
)
from sightline_gateway.settings import SpeechFormat
from sightline_gateway.speech.speaking import AHEAD, FIRST_PIECE, LONGEST_PIECE, SpokenOutput
from support.gateway_speech import Client, frames_of
from support.speech import RATE, Samples, recognised, spoken

SENTENCE = "Tell me about the weather in London."
OTHERS = ("What do I hold in my hand?", "Stop that, please.")
WHOLE = ["speech_stream_start", "audio_chunk", "speech_stream_end"]


async def say(output: SpokenOutput, samples: Samples) -> None:
    """As a session does: faster than it can be heard."""
    for frame in frames_of(samples):
        await output.capture_frame(frame)


@pytest.mark.parametrize("format", ["wav", "mp3", "opus"])
async def test_every_piece_plays_by_itself_and_together_they_are_what_was_said(format: SpeechFormat) -> None:
    client, sentence = Client(), spoken(SENTENCE)
    output = SpokenOutput(client.take, format)
    await say(output, sentence)
    output.flush()
    finished = await output.wait_for_playout()

    assert client.types == WHOLE
    chunks: list[AudioChunk] = client.of(AudioChunk)
    assert [chunk.chunk_id for chunk in chunks] == list(range(len(chunks)))
    assert {chunk.format for chunk in chunks} == {format}
    # Lossy encoders may add a few samples to each.
    lasts = sum(map(len, client.sounds)) / RATE
    assert lasts == pytest.approx(len(sentence) / RATE, abs=0 if format == "wav" else 0.01 * len(chunks))
    assert recognised(np.concatenate(client.sounds), [SENTENCE, *OTHERS]) == SENTENCE
    assert not finished.interrupted
    assert finished.playback_position == pytest.approx(len(sentence) / RATE)
    await output.aclose()


async def test_pieces_of_wav_are_what_was_said_sample_by_sample() -> None:
    client, sentence = Client(), spoken(SENTENCE)
    output = SpokenOutput(client.take)
    await say(output, sentence)
    output.flush()
    await client.has(SpeechStreamEnd)
    assert np.array_equal(np.concatenate(client.sounds), sentence)
    await output.aclose()


async def test_speech_starts_with_a_short_piece_and_goes_on_in_longer_ones() -> None:
    client = Client()
    output = SpokenOutput(client.take)
    await say(output, np.tile(spoken(SENTENCE), 2)[: int(2.5 * RATE)])
    output.flush()
    await client.has(SpeechStreamEnd)
    assert [len(sound) / RATE for sound in client.sounds] == [FIRST_PIECE, 0.5, LONGEST_PIECE, 0.75]
    await output.aclose()


async def test_the_first_piece_does_not_wait_for_the_rest() -> None:
    client = Client()
    output = SpokenOutput(client.take)
    await say(output, spoken(SENTENCE)[: int(FIRST_PIECE * RATE)])
    await client.has(AudioChunk)
    assert client.types == ["speech_stream_start", "audio_chunk"]
    await output.aclose()


async def test_pieces_are_messages_of_the_protocol() -> None:
    client = Client()
    output = SpokenOutput(client.take)
    await say(output, spoken(SENTENCE)[:RATE])
    output.flush()
    await client.has(SpeechStreamEnd)
    for message in client.messages:
        assert from_server.validate_json(message.model_dump_json(by_alias=True)) == message
    await output.aclose()


async def test_an_interruption_ends_the_speech_and_nothing_of_it_follows() -> None:
    client, sentence = Client(), spoken(SENTENCE)
    output = SpokenOutput(client.take)
    await say(output, sentence)
    await client.has(AudioChunk)
    output.reason = "client_request"
    output.clear_buffer()
    sent = len(client.messages)
    await say(output, sentence)
    output.clear_buffer()
    output.flush()
    finished = await output.wait_for_playout()
    await output.aclose()

    assert client.messages[-1] == SpeechInterrupted(reason="client_request")
    assert len(client.messages) == sent
    assert not client.of(SpeechStreamEnd)
    assert finished.interrupted
    assert finished.playback_position < len(sentence) / RATE


async def test_speech_that_was_sent_to_its_end_can_be_interrupted_while_it_is_heard() -> None:
    client, sentence = Client(), spoken(SENTENCE)
    output = SpokenOutput(client.take)
    await say(output, sentence)
    output.flush()
    await client.has(SpeechStreamEnd)
    output.clear_buffer()
    finished = await output.wait_for_playout()
    assert client.types == [*WHOLE, "speech_interrupted"]
    assert finished.interrupted
    assert finished.playback_position < len(sentence) / RATE
    await output.aclose()


async def test_the_reason_of_one_interruption_is_not_that_of_the_next() -> None:
    client = Client()
    output = SpokenOutput(client.take)
    output.reason = "before anything was said"
    for count, reason in enumerate(["client_request", ""], 1):
        await say(output, spoken(SENTENCE))
        await client.has(SpeechStreamStart, count)
        output.reason = reason or output.reason
        output.clear_buffer()
        output.flush()
        await output.wait_for_playout()
    assert [message.reason for message in client.of(SpeechInterrupted)] == ["client_request", "interrupted"]
    await output.aclose()


async def test_what_nobody_heard_is_not_told_to_be_interrupted() -> None:
    client = Client()
    output = SpokenOutput(client.take)
    await say(output, spoken(SENTENCE)[: RATE // 10])
    output.flush()
    output.clear_buffer()
    finished = await output.wait_for_playout()
    assert client.messages == []
    assert (finished.interrupted, finished.playback_position) == (True, 0)
    output.clear_buffer()
    output.flush()
    assert client.messages == []
    await output.aclose()


async def test_after_an_interruption_the_next_reply_is_spoken_whole() -> None:
    client = Client()
    output = SpokenOutput(client.take)
    await say(output, spoken(SENTENCE))
    await client.has(AudioChunk)
    output.clear_buffer()
    output.flush()
    await output.wait_for_playout()
    client.messages.clear()

    await say(output, spoken(OTHERS[0]))
    output.flush()
    assert not (await output.wait_for_playout()).interrupted
    assert client.types == WHOLE
    assert client.of(AudioChunk)[0].chunk_id == 0
    assert recognised(np.concatenate(client.sounds), [SENTENCE, *OTHERS]) == OTHERS[0]
    await output.aclose()


async def test_a_reply_waits_until_the_one_before_was_heard() -> None:
    client, events = Client(), list[Any]()
    output = SpokenOutput(client.take)
    output.on("playback_finished", lambda _: events.append(len(client.of(SpeechStreamStart))))
    for sentence in OTHERS:
        await say(output, spoken(sentence))
        output.flush()
    finished = await output.wait_for_playout()
    assert finished.playback_position == pytest.approx(len(spoken(OTHERS[1])) / RATE)
    assert events == [1, 2]
    assert client.types == WHOLE * 2
    await output.aclose()


async def test_a_client_is_not_sent_more_than_it_will_hear_soon() -> None:
    client, long = Client(), np.tile(spoken(SENTENCE), 8)[: 8 * RATE]
    output = SpokenOutput(client.take)
    await say(output, long)
    output.flush()
    await client.has(SpeechStreamEnd)
    output.clear_buffer()
    finished = await output.wait_for_playout()
    assert finished.interrupted
    # All of it was sent, and no more of it was left to hear than that.
    assert 8 - finished.playback_position <= AHEAD + LONGEST_PIECE
    await output.aclose()


async def test_a_session_learns_when_speech_starts_and_ends() -> None:
    output, events = SpokenOutput(Client().take), list[str]()
    output.on("playback_started", lambda _: events.append("started"))
    output.on("playback_finished", lambda _: events.append("finished"))
    await say(output, spoken(OTHERS[1]))
    output.flush()
    await output.wait_for_playout()
    assert events == ["started", "finished"]
    await output.aclose()


async def test_a_client_that_cannot_be_sent_anything_does_not_hold_up_the_session() -> None:
    def broken(message: Any) -> None:
        if isinstance(message, AudioChunk):
            raise ConnectionError("gone")

    output = SpokenOutput(broken)
    await say(output, spoken(SENTENCE))
    output.flush()
    assert (await output.wait_for_playout()).interrupted
    await output.aclose()


async def test_closing_in_the_middle_leaves_nothing_behind() -> None:
    before = asyncio.all_tasks()
    client = Client()
    output = SpokenOutput(client.take)
    await say(output, spoken(SENTENCE))
    await client.has(AudioChunk)
    await output.aclose()
    await output.aclose()
    assert client.messages[-1] == SpeechInterrupted(reason="interrupted")
    assert {task for task in asyncio.all_tasks() - before if "speech" in task.get_name()} == set()
    assert {task for task in asyncio.all_tasks() - before if "spoken" in task.get_name()} == set()
