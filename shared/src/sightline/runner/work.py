"""One call of a worker: the picture checked, the deadline kept, the result of the right type."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Sequence
from typing import TypeVar

from pydantic import ValidationError

from sightline import imaging
from sightline.errors import DeadlineError, SightlineError, WorkerError
from sightline.messages import Caption, EncodedImage, Frame
from sightline.worker import VisionWorker

T = TypeVar("T")
Finding = Caption | EncodedImage


async def look(worker: VisionWorker, stage: str, frame: Frame) -> list[Finding]:
    """Bring a frame to a worker.

    Returns:
        What it found, with frame, stage and time filled in.

    Raises:
        DecodeError: The picture is none, or too large.
        DeadlineError: The worker took longer than its deadline.
        WorkerError: It raised something unexpected, or returned something else than agreed.
        SightlineError: What the worker raised on purpose.
    """
    await prepare(worker, frame)
    began = time.monotonic()
    result = await bounded(worker, worker.process(frame))
    seconds = time.monotonic() - began
    return [_complete(worker, finding, stage, frame, seconds) for finding in _listed(worker, result)]


async def prepare(worker: VisionWorker, frame: Frame) -> None:
    """Check the picture by its header, and decode it where the worker wants that.

    Raises:
        DecodeError: It is no picture, is cut short, or claims too many pixels.
    """
    imaging.check(frame.data)
    if worker.decodes:
        await asyncio.to_thread(getattr, frame, "pixels")


async def bounded(worker: VisionWorker, call: Awaitable[T]) -> T:
    """Await a call into a worker's code, which may do anything.

    Raises:
        DeadlineError: It took too long.
        WorkerError: It raised something unexpected.
        SightlineError: What it raised on purpose.
    """
    try:
        async with asyncio.timeout(worker.deadline) as timer:
            return await call
    except SightlineError:
        raise
    except Exception as error:
        if timer.expired():
            raise DeadlineError(f"{_name(worker)} took longer than its {worker.deadline:g} s") from error
        raise WorkerError(f"{_name(worker)} raised {type(error).__name__}: {error}") from error


def _listed(worker: VisionWorker, result: object) -> Sequence[Finding]:
    if result is None:
        return ()
    found = result if isinstance(result, list | tuple) else (result,)
    for finding in found:
        if not isinstance(finding, Caption | EncodedImage):
            raise WorkerError(
                f"{_name(worker)}.process must return a Caption, an EncodedImage, several of them, or None; "
                f"it returned {type(finding).__name__}"
            )
    return found


def _complete(worker: VisionWorker, finding: Finding, stage: str, frame: Frame, seconds: float) -> Finding:
    if isinstance(finding, EncodedImage):
        return finding.model_copy(update={"frame": frame.info})
    try:
        return Caption.model_validate(
            finding.model_dump()
            | {"frame": frame.info, "stage": stage, "seconds": seconds, "text": _clean(finding.text)}
        )
    except ValidationError as error:
        raise WorkerError(f"{_name(worker)} returned a caption that is none: {error}") from error


def _clean(text: str) -> str:
    """Without control characters: captions are shown in terminals and logs."""
    return "".join(character if character.isprintable() or character == "\n" else " " for character in text)


def _name(worker: VisionWorker) -> str:
    return type(worker).__name__
