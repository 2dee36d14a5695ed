"""Moondream's own GPU engine, in this process, through the ``moondream`` package (extra ``local-gpu``)."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from typing import Any

from sightline.errors import DeadlineError, RetryableError, SettingsError
from sightline.messages import Frame
from sightline_captioner.backend import Backend, Description, data_url
from sightline_captioner.settings import CaptionerSettings, MoondreamSettings
from sightline_captioner.text import clean


def load_photon(moondream: MoondreamSettings) -> Any:
    """Load the model into the GPU's memory. Takes seconds to minutes.

    Raises:
        SettingsError: The extra is not installed.
    """
    # The moondream package itself installs and imports without its engine, kestrel.
    missing = [name for name in ("moondream", "kestrel") if find_spec(name) is None]
    if missing:
        raise SettingsError(
            f"MOONDREAM_LOCAL: needs the extra local-gpu of sightline-captioner (torch and CUDA, 6.4 GB), "
            f"and {' and '.join(missing)} is not installed; docs/captioner.md tells how"
        )
    import moondream as package

    return package.photon(moondream.name, api_key=moondream.api_key.get_secret_value() or None)


class LocalMoondream(Backend):
    """Runs the blocking model in threads: one for each frame at once."""

    def __init__(
        self,
        settings: CaptionerSettings,
        moondream: MoondreamSettings,
        load: Callable[[MoondreamSettings], Any] = load_photon,
    ) -> None:
        """
        Args:
            settings: Length, prompt, concurrency and deadline.
            moondream: Which model.
            load: Makes the model: whatever has the ``moondream`` package's ``caption`` and ``query``.
        """
        self._settings = settings
        self._moondream = moondream
        self._name = moondream.name
        self._load = load
        # Each of the two lanes has so many.
        self._slots = settings.concurrency * 2
        self._free = threading.Semaphore(self._slots)

    async def start(self) -> None:
        """Load the model.

        Raises:
            SettingsError: The extra is not installed.
        """
        self._threads = ThreadPoolExecutor(self._slots, "moondream")
        self._vlm = await asyncio.to_thread(self._load, self._moondream)

    async def describe(self, frame: Frame) -> Description:
        if self._settings.prompt:
            return Description(await self.ask(frame, self._settings.prompt))
        image = self._image(frame)
        return Description(await self._run("caption", self._vlm.caption, image, self._settings.length))

    async def ask(self, frame: Frame, question: str) -> str:
        return await self._run("answer", self._vlm.query, self._image(frame), question)

    async def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)
        # The package's cloud client, which has the same methods, has nothing to close.
        if hasattr(self._vlm, "close"):
            await asyncio.to_thread(self._vlm.close)

    def _image(self, frame: Frame) -> Any:
        from moondream.types import Base64EncodedImage

        return Base64EncodedImage(image_url=data_url(frame))

    async def _run(self, key: str, call: Callable[..., Any], *arguments: Any) -> str:
        # Nothing stops a call that is past its deadline; its thread is taken until it ends by itself.
        if not self._free.acquire(blocking=False):
            raise RetryableError(f"{self._name} is still busy with frames that are past their deadline")
        running = asyncio.get_running_loop().run_in_executor(self._threads, self._call, call, arguments)
        running.add_done_callback(_retrieve)
        try:
            async with asyncio.timeout(self._settings.deadline):
                result = await asyncio.shield(running)
        except TimeoutError as error:
            raise DeadlineError(
                f"{self._name} did not answer within {self._settings.deadline:g} s"
            ) from error
        except Exception as error:
            raise RetryableError(f"{self._name} failed: {type(error).__name__}: {error}"[:300]) from error
        text = clean(str(result.get(key) or ""))
        if not text:
            raise RetryableError(f"{self._name} answered with an empty text")
        return text

    def _call(self, call: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
        try:
            return call(*arguments)
        finally:
            self._free.release()


def _retrieve(done: asyncio.Future[Any]) -> None:
    """Look at the error of a call that nobody waits for any more, or asyncio complains about it."""
    if not done.cancelled():
        done.exception()
