"""The worker: a frame in, a caption out; a question in, an answer out."""

from __future__ import annotations

from typing import ClassVar

from sightline.config import load
from sightline.log import get_logger
from sightline.messages import Caption, Frame
from sightline.worker import StageWants, VisionWorker
from sightline_captioner.backend import Backend
from sightline_captioner.choose import Choice, choose, make
from sightline_captioner.settings import CaptionerSettings

NET_SECONDS = 1.0
"""The runner's deadline comes this much after the backend's own, which knows better what was slow."""

log = get_logger()


class Captioner(VisionWorker):
    """Describes frames with the backend that the settings choose."""

    # Pictures go on as they came; `offline` decodes in a thread of its own.
    decodes: ClassVar[bool] = False

    def __init__(self, settings: CaptionerSettings | None = None, backend: Backend | None = None) -> None:
        """Read the settings from the environment, unless they are given.

        Args:
            settings: Instead of ``CAPTIONER_*``.
            backend: Instead of the one that the settings choose.

        Raises:
            SettingsError: A setting is missing, or has a bad value.
        """
        settings = settings or load(CaptionerSettings)
        self._choice: Choice | None = None if backend else choose(settings)
        self._backend = backend or make(settings, choose(settings).name)
        self.concurrency = settings.concurrency
        self.deadline = settings.deadline + NET_SECONDS
        self.wants = StageWants(max_fps=settings.max_fps, max_width=settings.max_width)
        self.identity = f"{self._backend.model}\n{self._backend.prompt}"

    async def start(self) -> None:
        """Connect, or load the model.

        Raises:
            SettingsError: The backend needs something that is not installed.
        """
        if self._choice is not None:
            log.info(
                "captioner_backend",
                backend=self._choice.name,
                model=self._backend.model,
                why=self._choice.why,
            )
        await self._backend.start()

    async def process(self, frame: Frame) -> Caption:
        """Describe a frame. Raises what ``Backend.describe`` raises."""
        text, data = await self._backend.describe(frame)
        return Caption(text=text, data=data, model=self._backend.model, prompt=self._backend.prompt)

    async def ask(self, frame: Frame, question: str) -> str:
        """Answer a question about a frame. Raises what ``Backend.describe`` raises."""
        return await self._backend.ask(frame, question)

    async def close(self) -> None:
        await self._backend.close()
