"""The local avatar's face, without a room: how it is drawn, how it moves, and that no word is lost."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Sequence

import numpy as np
import pytest
from livekit import rtc
from livekit.agents.voice.avatar import AudioSegmentEnd

from sightline_agent.avatar.face import LIDS, MOUTHS, drawn
from sightline_agent.avatar.movement import PAUSE_SECONDS, Eyes, Mouth
from sightline_agent.avatar.talking import RATE, Shown, TalkingFace
from support.avatars import eyes_white, openness
from support.scenes import Picture

SIZE, FPS = 128, 20
PIECE = RATE // FPS


def tone(loudness: float, seconds: float) -> np.ndarray:
    """A sound; 1 is full scale."""
    times = np.arange(round(seconds * RATE)) / RATE
    return (np.sin(times * 2 * np.pi * 200) * loudness * 32767).astype(np.int16)


def sent(samples: np.ndarray, channels: int = 1) -> list[rtc.AudioFrame]:
    """In pieces of a tenth of a second, as they come from the room."""
    pieces = [samples[at : at + RATE // 10] for at in range(0, len(samples), RATE // 10)]
    return [rtc.AudioFrame(np.repeat(each, channels).tobytes(), RATE, channels, len(each)) for each in pieces]


async def until_the_end(shown: AsyncIterator[Shown]) -> list[Shown]:
    """What comes out of one segment."""
    came: list[Shown] = []
    async with asyncio.timeout(20):
        async for each in shown:
            came.append(each)
            if isinstance(each, AudioSegmentEnd):
                return came
    raise AssertionError("the segment has no end")


def sound(shown: Sequence[Shown]) -> np.ndarray:
    frames = [np.frombuffer(each.data, np.int16) for each in shown if isinstance(each, rtc.AudioFrame)]
    return np.concatenate(frames) if frames else np.zeros(0, np.int16)


def pictures(shown: Sequence[Shown]) -> list[Picture]:
    return [_pixels(each) for each in shown if isinstance(each, rtc.VideoFrame)]


def _pixels(frame: rtc.VideoFrame) -> Picture:
    rgb = frame.convert(rtc.VideoBufferType.RGB24)
    return np.frombuffer(rgb.data, np.uint8).reshape(rgb.height, rgb.width, 3)


def test_each_step_of_the_mouth_is_more_open_than_the_one_before() -> None:
    steps = [openness(drawn(384, mouth, 0)) for mouth in range(MOUTHS)]
    assert steps == sorted(set(steps))
    assert steps[-1] > 4 * steps[0]


def test_eyes_that_close_show_less_white_and_leave_the_mouth_alone() -> None:
    lids = [drawn(384, 3, each) for each in range(LIDS)]
    white = [eyes_white(each) for each in lids]
    assert white == sorted(set(white), reverse=True)
    assert white[-1] == 0
    assert len({openness(each) for each in lids}) == 1


@pytest.mark.parametrize("size", [64, 200, 1024])
def test_a_face_has_the_size_that_was_asked_for(size: int) -> None:
    assert drawn(size, 0, 0).shape == (size, size, 3)


def test_the_mouth_opens_further_for_louder_sounds_and_stays_closed_for_noise() -> None:
    openings = [Mouth().follow(tone(loudness, 0.05)) for loudness in (0.0, 0.001, 0.02, 0.1, 0.9)]
    assert openings[:2] == [0, 0]
    assert openings == sorted(openings)
    assert openings[-1] == MOUTHS - 1


def test_the_mouth_closes_step_by_step() -> None:
    mouth = Mouth()
    mouth.follow(tone(0.9, 0.05))
    steps = [mouth.follow(tone(0, 0.05)) for _ in range(8)]
    assert steps == sorted(steps, reverse=True)
    assert len(set(steps)) > 2
    assert steps[-1] == 0


def test_the_eyes_blink_now_and_then_and_are_open_otherwise() -> None:
    eyes = Eyes(random.Random(7))
    times = np.arange(0, 120, 0.05)
    lids = np.array([eyes.lids(float(at)) for at in times])
    (blinks,) = np.nonzero((lids[1:] > 0) & (lids[:-1] == 0))
    pauses = np.diff(times[blinks])
    assert 120 / PAUSE_SECONDS[1] - 2 < len(blinks) < 120 / PAUSE_SECONDS[0]
    assert len(set(np.round(pauses, 1))) > 5
    assert {0, 1, LIDS - 1} == set(lids.tolist())
    assert np.mean(lids > 0) < 0.1


async def test_all_that_is_heard_comes_out_with_a_picture_for_each_piece() -> None:
    face, words = TalkingFace(SIZE, FPS), tone(0.5, 1.23)
    for frame in [*sent(words), AudioSegmentEnd()]:
        await face.push_audio(frame)
    shown = await until_the_end(face)
    assert np.array_equal(sound(shown), words)
    assert len(pictures(shown)) >= len(words) / PIECE
    spoken = [each for each in shown if not isinstance(each, AudioSegmentEnd)]
    kinds = [isinstance(each, rtc.VideoFrame) for each in spoken[: len(words) // PIECE * 2]]
    assert kinds == [True, False] * (len(kinds) // 2), "each piece has its picture, which comes first"


async def test_the_mouth_is_open_in_loud_pieces_and_closed_in_silent_ones() -> None:
    face = TalkingFace(SIZE, FPS)
    words = np.concatenate([tone(0, 0.5), tone(0.7, 0.5), tone(0, 1.0)])
    for frame in [*sent(words), AudioSegmentEnd()]:
        await face.push_audio(frame)
    mouths = [openness(each) for each in pictures(await until_the_end(face))]
    closed, loud = openness(drawn(SIZE, 0, 0)), mouths[10:20]
    assert min(loud) > 3 * closed
    assert max(mouths[:10] + mouths[30:]) < 1.5 * closed


async def test_what_was_not_said_when_the_buffer_is_cleared_is_never_said() -> None:
    face = TalkingFace(SIZE, FPS)
    for frame in [*sent(tone(0.5, 5)), AudioSegmentEnd()]:
        await face.push_audio(frame)
    shown = [await anext(face) for _ in range(4)]
    assert len(sound(shown)) == 2 * PIECE
    clearing = asyncio.create_task(face.clear_buffer())
    await asyncio.sleep(0)
    rest = await anext(face)
    await clearing
    assert isinstance(rest, rtc.VideoFrame), "after the buffer is cleared the face rests"
    words = tone(0.3, 0.2)
    for frame in [*sent(words), AudioSegmentEnd()]:
        await face.push_audio(frame)
    assert np.array_equal(sound(await until_the_end(face)), words)


async def test_clearing_waits_until_the_piece_on_its_way_is_out() -> None:
    face = TalkingFace(SIZE, FPS)
    for frame in sent(tone(0.5, 1)):
        await face.push_audio(frame)
    await anext(face)
    clearing = asyncio.create_task(face.clear_buffer())
    await asyncio.sleep(0)
    assert not clearing.done(), "the picture is still with whoever took it"
    await anext(face)
    await clearing


async def test_clearing_ends_when_nobody_takes_pictures() -> None:
    face = TalkingFace(SIZE, FPS)
    await face.push_audio(sent(tone(0.5, 0.1))[0])
    await face.clear_buffer()


async def test_a_voice_in_stereo_is_said_in_mono() -> None:
    face, words = TalkingFace(SIZE, FPS), tone(0.5, 0.4)
    for frame in [*sent(words, channels=2), AudioSegmentEnd()]:
        await face.push_audio(frame)
    assert np.array_equal(sound(await until_the_end(face)), words)


async def test_a_face_at_rest_is_shown_with_its_mouth_closed() -> None:
    face = TalkingFace(SIZE, FPS)
    shown = [await anext(face) for _ in range(3)]
    assert [openness(each) for each in pictures(shown)] == pytest.approx(
        [openness(drawn(SIZE, 0, 0))] * 3, rel=0.2
    )
