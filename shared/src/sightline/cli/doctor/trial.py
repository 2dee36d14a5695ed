"""Tries each installed worker on one small picture, as the runner would: settings, models and keys."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np
import simplejpeg

from sightline.cli.doctor.finding import Finding, fail, ok, warn
from sightline.errors import CredentialError, RetryableError, SettingsError
from sightline.messages import Caption, Frame, Track, Trigger
from sightline.plugins import load_worker, workers
from sightline.worker import VisionWorker

if TYPE_CHECKING:
    from sightline.worker import Result

SECONDS = 15.0
SIDE = 128
NO_MODEL = "offline"


async def check() -> list[Finding]:
    """All workers, one after the other: they may load models."""
    stages = list(workers())
    if not stages:
        return [fail("workers", "no vision worker is installed", "`uv sync --all-packages`")]
    return [await _try(stage) for stage in stages]


async def _try(stage: str) -> Finding:
    started = time.monotonic()
    try:
        result = await _process(await asyncio.to_thread(load_worker, stage))
    except SettingsError as error:
        return fail(stage, str(error), "correct the variable, or unset it for its default")
    except CredentialError as error:
        return fail(stage, str(error), "set the key that its service gave you")
    except (RetryableError, TimeoutError) as error:
        mend = "is its endpoint right, running, and reachable from here?"
        return fail(stage, str(error) or f"no result within {SECONDS:g} s", mend)
    except Exception as error:  # a plugin may raise anything, and the doctor has other patients
        return fail(stage, f"{type(error).__name__}: {error}", "`sightline --debug doctor` logs more")
    return _judge(stage, result, time.monotonic() - started)


async def _process(worker_class: type[VisionWorker]) -> Result:
    worker = worker_class()
    async with asyncio.timeout(SECONDS):
        await worker.start()
        try:
            return await worker.process(_frame())
        finally:
            await worker.close()


def _judge(stage: str, result: Result, seconds: float) -> Finding:
    made = [] if result is None else list(result) if isinstance(result, Sequence) else [result]
    models = {each.model for each in made if isinstance(each, Caption)}
    text = f"made {len(made)} result(s) of a test picture in {seconds:.1f} s"
    if NO_MODEL in models:
        mend = "for real captions set MOONDREAM_API_KEY, MOONDREAM_ENDPOINT or CAPTIONER_OPENAI_MODEL"
        return warn(stage, f"{text}, offline: no model is configured", mend)
    return ok(stage, f"{text}, with {', '.join(sorted(models))}" if models else text)


def _frame() -> Frame:
    """A red square on grey, small enough to cost next to nothing."""
    pixels = np.full((SIDE, SIDE, 3), 128, np.uint8)
    pixels[32:96, 32:96] = (200, 30, 30)
    data = simplejpeg.encode_jpeg(pixels)
    return Frame(
        track=Track(room="doctor", participant="doctor", id="doctor"),
        sequence=1,
        captured_at=datetime.now(UTC),
        trigger=Trigger.INITIAL,
        width=SIDE,
        height=SIDE,
        content_hash=Frame.hash_of(data),
        data=data,
    )
