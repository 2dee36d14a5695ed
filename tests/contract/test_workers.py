"""What every installed worker must do, the built-in ones and those of others: found by itself."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from sightline import topology
from sightline.bus import Bus
from sightline.errors import DecodeError
from sightline.messages import Caption, EncodedImage, Lane, Ticket
from sightline.plugins import load_worker, workers
from sightline.runner import Runner
from sightline.runner.work import look
from sightline.worker import VisionWorker
from support.frames import RED, frame, jpeg, plain
from support.stage import stored

CLASSES = {stage: load_worker(stage) for stage in workers()}
STAGES = list(CLASSES)
PICTURE = jpeg(plain(RED, 320, 240))


@contextlib.asynccontextmanager
async def started(stage: str) -> AsyncIterator[VisionWorker]:
    worker = CLASSES[stage]()
    await worker.start()
    try:
        yield worker
    finally:
        await worker.close()


def test_the_built_in_workers_are_found_like_any_other() -> None:
    assert {"captioner", "encoder"} <= set(STAGES)


@pytest.mark.parametrize("stage", STAGES)
async def test_it_looks_at_a_frame_and_returns_findings_of_that_frame(stage: str) -> None:
    async with started(stage) as worker:
        shown = frame(PICTURE)
        findings = await look(worker, stage, shown)
    assert findings
    for finding in findings:
        assert isinstance(finding, Caption | EncodedImage)
        assert finding.frame == shown.info
        again = type(finding).from_wire(finding.to_wire())
        assert again == finding


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("data", [PICTURE[:100], b"no picture"], ids=["cut", "text"])
async def test_it_refuses_what_is_no_picture(stage: str, data: bytes) -> None:
    async with started(stage) as worker:
        with pytest.raises(DecodeError):
            await look(worker, stage, frame(data))


@pytest.mark.parametrize("stage", STAGES)
def test_it_says_what_it_wants_within_reason(stage: str) -> None:
    worker = CLASSES[stage]()
    assert worker.wants.triggers
    assert worker.deadline > 0
    assert worker.concurrency >= 1


@pytest.mark.parametrize("stage", STAGES)
async def test_it_works_as_a_replica_on_the_bus(stage: str, bus: Bus) -> None:
    stopping = asyncio.Event()
    running = asyncio.create_task(Runner(CLASSES[stage](), stage, bus).run(stopping))
    stream, kind = (topology.IMAGES, EncodedImage) if stage == "encoder" else (topology.CAPTIONS, Caption)
    shown = frame(PICTURE).model_copy(update={"captured_at": bus.now()})
    async with stored(bus, stream, kind) as found:
        await bus.publish(shown)
        await bus.offer(Ticket(stage=stage, lane=Lane.ROUTINE, track=shown.track, sequence=1))
        finding = (await found.has(1))[0]
    stopping.set()
    await running
    assert finding.frame == shown.info
