"""What a session works on: the newest picture, and a few turns."""

from __future__ import annotations

import asyncio
from typing import Any

from sightline.errors import RetryableError
from sightline.messages import Trigger
from sightline_gateway.protocol import Error, Image, VideoFrame
from sightline_gateway.serving.inputs import MOST_TURNS, Frames, Turns


class Slow:
    """Takes pictures in, one when it is told to go on."""

    def __init__(self) -> None:
        self.taken: list[int] = []
        self.errors: list[Error] = []
        self.gate = asyncio.Semaphore(0)
        self.frames = Frames(self.take, self.errors.append)

    async def take(self, frame: VideoFrame, _data: bytes) -> None:
        await self.gate.acquire()
        self.taken.append(frame.sequence)
        if frame.sequence == 13:
            raise RetryableError("of bad luck")

    def put(self, sequence: int, trigger: Trigger = Trigger.TIMER) -> list[int]:
        frame = VideoFrame(sequence=sequence, trigger_reason=trigger, image=Image())
        return [passed_over.sequence for passed_over in self.frames.put(frame, b"")]

    async def goes_on(self) -> list[int]:
        """Take in all that waits."""
        for _ in range(10):
            self.gate.release()
        if self.frames._task is not None:
            await asyncio.wait([self.frames._task])
        return self.taken


async def test_while_a_picture_is_taken_in_only_the_newest_waits() -> None:
    slow = Slow()
    assert [slow.put(sequence) for sequence in (1, 2, 3, 4)] == [[], [], [2], [3]]
    await asyncio.sleep(0)
    assert await slow.goes_on() == [1, 4]


async def test_a_picture_that_was_asked_for_is_not_given_up_for_one_that_was_not() -> None:
    slow = Slow()
    passed_over = [slow.put(1), slow.put(2), slow.put(3, Trigger.USER_REQUEST), slow.put(4), slow.put(5)]
    assert passed_over == [[], [], [2], [], [4]]
    await asyncio.sleep(0)
    assert await slow.goes_on() == [1, 3, 5]


async def test_a_newer_picture_that_was_asked_for_replaces_all() -> None:
    slow = Slow()
    slow.put(1)
    slow.put(2, Trigger.USER_REQUEST)
    slow.put(3)
    assert slow.put(4, Trigger.USER_REQUEST) == [2, 3]
    await asyncio.sleep(0)
    assert await slow.goes_on() == [1, 4]


async def test_a_picture_that_fails_is_told_and_the_next_is_taken() -> None:
    slow = Slow()
    slow.put(13)
    slow.put(14)
    await asyncio.sleep(0)
    assert await slow.goes_on() == [13, 14]
    assert [(error.code, error.message) for error in slow.errors] == [("internal", "of bad luck")]


async def test_nothing_is_taken_in_after_the_end() -> None:
    slow = Slow()
    slow.put(1)
    slow.put(2)
    await asyncio.sleep(0)
    await slow.frames.aclose()
    assert await slow.goes_on() == []


async def test_only_so_many_turns_run_at_once_and_a_bug_in_one_says_nothing_of_itself() -> None:
    errors: list[Error] = []
    turns = Turns(errors.append)
    gate = asyncio.Event()

    async def turn() -> Any:
        await gate.wait()
        raise ValueError("a secret of ours")

    for _ in range(MOST_TURNS):
        assert not turns.full
        turns.start(turn)
    assert turns.full
    gate.set()
    await turns.ended()
    assert len(turns) == 0
    assert {error.code for error in errors} == {"internal"}
    assert not any("secret" in error.message for error in errors)


async def test_turns_end_with_their_session() -> None:
    turns = Turns(lambda _: None)
    turns.start(asyncio.Event().wait)
    await turns.aclose()
    assert len(turns) == 0
