"""The backend without a model, weights or network."""

from __future__ import annotations

import asyncio
from collections import OrderedDict

import numpy as np
from numpy.typing import NDArray

from sightline import imaging
from sightline.errors import DeadlineError
from sightline.log import get_logger
from sightline.messages import Frame
from sightline.subjects import track_tokens
from sightline_captioner.backend import Backend, Description
from sightline_captioner.offline import sentences
from sightline_captioner.offline.look import Look, look
from sightline_captioner.offline.reader import Reader
from sightline_captioner.settings import CaptionerSettings

MAX_TRACKS = 1_000
"""Tracks whose last frame is remembered, 576 bytes each; the longest unseen is forgotten first."""

Pixels = NDArray[np.uint8]

log = get_logger()


class Offline(Backend):
    """Says what can be measured, in plain sentences, and that nobody understood the picture."""

    def __init__(self, settings: CaptionerSettings) -> None:
        self._settings = settings
        self._reader = Reader(settings.tesseract, settings.tesseract_languages)
        self._before: OrderedDict[str, tuple[int, Pixels]] = OrderedDict()

    async def start(self) -> None:
        await self._reader.start()
        if self._reader.problem:
            log.info("captioner_reads_no_text", why=self._reader.problem)

    async def describe(self, frame: Frame) -> Description:
        measured, text = await self._look(frame)
        self._remember(frame, measured.thumbnail)
        caption = sentences.describe(measured, text, self._settings.length)
        return Description(caption, sentences.data(measured, text))

    async def ask(self, frame: Frame, question: str) -> str:
        measured, text = await self._look(frame)
        return sentences.answer(measured, text, question)

    async def _look(self, frame: Frame) -> tuple[Look, str | None]:
        _, before = self._before.get(track_tokens(frame.track), (0, None))
        try:
            async with asyncio.timeout(self._settings.deadline):
                pixels = await asyncio.to_thread(imaging.decode, frame.data)
                # One after the other: both are bound by the processor.
                measured = await asyncio.to_thread(look, pixels, before)
                return measured, await self._reader.read(pixels)
        except TimeoutError as error:
            raise DeadlineError(
                f"looking at the picture took longer than {self._settings.deadline:g} s"
            ) from error

    def _remember(self, frame: Frame, thumbnail: Pixels) -> None:
        key = track_tokens(frame.track)
        if self._before.get(key, (0, thumbnail))[0] <= frame.sequence:
            self._before[key] = (frame.sequence, thumbnail)
        self._before.move_to_end(key)
        while len(self._before) > MAX_TRACKS:
            self._before.popitem(last=False)
