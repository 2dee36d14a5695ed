"""The worker: a frame in, a caption out; a question in, an answer out."""

from __future__ import annotations

import asyncio
from typing import ClassVar

from sightline.config import load
from sightline.log import get_logger
from sightline.messages import Caption, Frame
from sightline.worker import StageWants, VisionWorker
from sightline_captioner.choose import choose
from sightline_captioner.metrics import asked
from sightline_captioner.settings import CaptionerSettings

NET_SECONDS = 1.0
"""The runner's deadline comes this much after the backend's own, which knows better what was slow."""

log = get_logger()


class Captioner(VisionWorker):
    """Describes frames with the backend that the settings choose."""

    # Pictures go on as they came; `offline` decodes in a thread of its own.
    decodes: ClassVar[bool] = False

    def __init__(self, settings: CaptionerSettings | None = None) -> None:
        """Read ``CAPTIONER_*`` from the environment, unless it is given; and the chosen backend's settings.

        Raises:
            SettingsError: A setting is missing, or has a bad value.
        """
        settings = settings or load(CaptionerSettings)
        self._choice = choose(settings)
        self.concurrency = settings.concurrency
        self.deadline = settings.deadline + NET_SECONDS
        self.wants = StageWants(max_fps=settings.max_fps, max_width=settings.max_width)
        self.identity = f"{self._choice.model}\n{self._choice.prompt}"

    async def start(self) -> None:
        """Connect, or load the model.

        Raises:
            SettingsError: The backend needs something that is not installed.
        """
        name, why, model, _, make = self._choice
        log.info("captioner_backend", backend=name, model=model, why=why)
        self._backend = await asyncio.to_thread(make)
        await self._backend.start()

    async def process(self, frame: Frame) -> Caption:
        """Describe a frame. Raises what ``Backend.describe`` raises."""
        with asked(self._choice.name):
            text, data = await self._backend.describe(frame)
        return Caption(text=text, data=data, model=self._choice.model, prompt=self._choice.prompt)

    async def ask(self, frame: Frame, question: str) -> str:
        """Answer a question about a frame. Raises what ``Backend.describe`` raises."""
        with asked(self._choice.name):
            return await self._backend.ask(frame, question)

    async def close(self) -> None:
        await self._backend.close()
