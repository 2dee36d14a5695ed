"""Load while services are replaced: cameras that never stand still, and somebody who never stops asking."""

from __future__ import annotations

import asyncio
import itertools
import re
from typing import Any

from sightline.changes import Changes
from sightline.messages import Caption, EncodedImage
from support.agents import Reader, users_words
from support.livekit_publisher import Publisher
from support.recorded import Recorded
from support.scenes import BLUE, GREEN, RED, scene
from support.stage import Stored

COLOURS = {"red": RED, "green": GREEN, "blue": BLUE}
PATIENCE = 60.0
"""Seconds. A track whose scene is not described by then has stalled; a reply that has not come is lost."""

CAPTION, QUESTION, REPLY = "zanzibar", "pomegranate", "rutabaga"
"""Words that occur nowhere else: in every caption, every question and every reply."""

_NUMBER = re.compile(rf"{QUESTION} (\d+)\?")


def describe(pixels: Any) -> str:
    """The caption: which of the scenes this is, by its strongest colour."""
    means = pixels.reshape(-1, 3).mean(axis=0)
    return f"a {['red', 'green', 'blue'][int(means.argmax())]} wall in {CAPTION}"


def answer(request: Recorded) -> str:
    """The reply: to which question it is."""
    return f"{REPLY} {_NUMBER.findall(users_words(request)[-1])[-1]}."


class Load:
    """Something that goes on and on.

    Attributes:
        rounds: How often it went well.
    """

    def __init__(self) -> None:
        self.rounds = 0
        self._changes = Changes()

    async def run(self) -> None:
        """For ever; raises when it goes wrong."""
        for number in itertools.count(1):
            try:
                async with asyncio.timeout(PATIENCE):
                    await self._round(number)
            except TimeoutError:
                raise AssertionError(f"{self} stalled after {self.rounds} rounds") from None
            self.rounds += 1
            self._changes.tell()

    async def later(self, rounds: int) -> None:
        """Wait for so many further rounds."""
        goal = self.rounds + rounds
        while self.rounds < goal:
            await self._changes.after(self._changes.version)

    async def _round(self, number: int) -> None:
        raise AssertionError("each kind of load has its own")


class Camera(Load):
    """A participant's camera, which shows the next scene once the last was described."""

    def __init__(self, publisher: Publisher, captions: Stored) -> None:
        super().__init__()
        self._publisher, self._captions = publisher, captions

    def __str__(self) -> str:
        return f"the camera of {self._publisher.identity}"

    async def _round(self, number: int) -> None:
        colour = list(COLOURS)[number % len(COLOURS)]
        seen = len(self._captions.messages)
        self._publisher.show(scene(COLOURS[colour]))
        async with self._captions.grown:
            await self._captions.grown.wait_for(lambda: any(map(self._is_of(colour), self._since(seen))))

    def _since(self, number: int) -> list[Caption]:
        return self._captions.messages[number:]

    def _is_of(self, colour: str) -> Any:
        def check(caption: Caption) -> bool:
            assert caption.frame is not None
            return caption.frame.track.participant == self._publisher.identity and colour in caption.text

        return check


class Asker(Load):
    """Somebody in a call who asks the next question once the last was answered."""

    def __init__(self, publisher: Publisher) -> None:
        super().__init__()
        self._room = publisher.room
        self._reader = Reader(publisher.room)

    def __str__(self) -> str:
        return "the conversation"

    async def ask(self, number: int) -> None:
        await self._room.local_participant.send_text(f"What about {QUESTION} {number}?", topic="lk.chat")

    async def reply(self) -> str:
        async with asyncio.timeout(PATIENCE):
            return await self._reader.said.get()

    async def _round(self, number: int) -> None:
        await self.ask(number)
        assert await self.reply() == f"{REPLY} {number}."


async def newer_images(images: Stored, tracks: int) -> None:
    """Wait until so many tracks have an image that none has now."""
    known = {_frame_id(image) for image in images.messages}

    def new() -> set[str]:
        return {
            image.frame.track.id
            for image in images.messages
            if image.frame is not None and _frame_id(image) not in known
        }

    async with asyncio.timeout(PATIENCE), images.grown:
        await images.grown.wait_for(lambda: len(new()) >= tracks)


def _frame_id(image: EncodedImage) -> str:
    assert image.frame is not None
    return image.frame.id
