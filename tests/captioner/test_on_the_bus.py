"""The captioner in the real runner on a real bus: what a fault of the model means for frames and slots."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager

import pytest

from sightline import subjects, topology
from sightline.bus import Bus
from sightline.health import Health
from sightline.messages import Answer, Caption, DeadLetter, Frame, Lane, Question, Ticket, Track
from sightline.runner import Runner
from sightline_captioner.settings import CaptionerSettings
from sightline_captioner.worker import Captioner
from support.frames import BLUE, RED, frame, plain
from support.model_servers import Fault, MoondreamServer, Status


@asynccontextmanager
async def running(
    bus: Bus, server: MoondreamServer, deadline: float = 30.0, health: Health | None = None
) -> AsyncIterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MOONDREAM_ENDPOINT", server.url)
        worker = Captioner(CaptionerSettings(concurrency=1, deadline=deadline))
    stopping = asyncio.Event()
    task = asyncio.create_task(Runner(worker, "captioner", bus, health).run(stopping, grace=1.0))
    try:
        yield
    finally:
        stopping.set()
        await task


async def show(bus: Bus, shown: Frame) -> None:
    """A frame and its ticket, as a source publishes them."""
    await bus.publish(shown)
    lane = Lane.of(shown.trigger)
    await bus.offer(Ticket(stage="captioner", lane=lane, track=shown.track, sequence=shown.sequence))


async def next_caption(bus: Bus) -> Caption:
    feed = bus.feed(topology.CAPTIONS, f"{subjects.ROOT}.captions.>", types=(Caption,), history="all")
    async with aclosing(feed):
        return (await anext(feed)).message


async def next_dead_letter(bus: Bus) -> DeadLetter:
    feed = bus.feed(topology.DEAD, f"{subjects.ROOT}.dead.>", types=(DeadLetter,), history="all")
    async with aclosing(feed):
        return (await anext(feed)).message


class WatchedHealth(Health):
    """Tells when a part has a problem."""

    def __init__(self) -> None:
        super().__init__()
        self.failed = asyncio.Event()

    def set(self, part: str, problem: str | None) -> None:
        super().set(part, problem)
        if problem is not None:
            self.failed.set()


async def test_a_frame_on_the_bus_becomes_a_caption_on_the_bus(bus: Bus) -> None:
    async with MoondreamServer() as server, running(bus, server):
        await show(bus, frame(plain(RED), 7))
        caption = await next_caption(bus)
    assert caption.text == "a red picture of 640 by 360 pixels"
    assert (caption.stage, caption.model, caption.prompt) == ("captioner", "moondream", "caption, normal")
    assert caption.frame is not None
    assert caption.frame.sequence == 7


async def test_a_hanging_model_frees_its_slot_and_the_frame_is_tried_again(bus: Bus) -> None:
    async with MoondreamServer() as server, running(bus, server, deadline=1.5):
        server.fail(Fault.HANG, times=1)
        await show(bus, frame(plain(BLUE)))
        assert (await next_caption(bus)).text == "a blue picture of 640 by 360 pixels"
        assert len(server.requests) == 2


async def test_a_model_that_always_fails_leaves_a_dead_letter_and_the_next_frame_is_served(bus: Bus) -> None:
    async with MoondreamServer() as server, running(bus, server):
        server.fault = Fault.GARBAGE
        await show(bus, frame(plain(RED)))
        letter = await next_dead_letter(bus)
        assert letter.error == "RetryableError"
        assert letter.attempts == len(server.requests)
        server.fault = None
        other = Track(room="demo", participant="bob", id="TR_2")
        await show(bus, frame(plain(BLUE), track=other))
        assert (await next_caption(bus)).text == "a blue picture of 640 by 360 pixels"


async def test_a_refused_key_fails_readiness_and_is_not_retried(bus: Bus) -> None:
    health = WatchedHealth()
    async with MoondreamServer() as server, running(bus, server, health=health):
        server.fault = Status(401)
        await show(bus, frame(plain(RED)))
        assert (await next_dead_letter(bus)).error == "CredentialError"
        assert len(server.requests) == 1
        await health.failed.wait()
        assert "check the key" in health.problems["captioner"]


async def test_a_pause_that_the_model_asks_for_is_kept_and_the_frame_is_captioned_after_it(bus: Bus) -> None:
    async with MoondreamServer() as server, running(bus, server):
        server.fail(Status(429, {"Retry-After": "1"}), times=1)
        await show(bus, frame(plain(RED)))
        assert (await next_caption(bus)).text == "a red picture of 640 by 360 pixels"
        assert len(server.requests) == 2


async def test_a_question_is_answered_about_the_newest_frame(bus: Bus) -> None:
    shown = frame(plain(BLUE), 3)
    async with MoondreamServer() as server, running(bus, server):
        await show(bus, shown)
        await next_caption(bus)
        question = Question(track=shown.track, question="What colour?")
        answer = await bus.request(subjects.ask("captioner"), question, Answer, timeout=10.0)
    assert answer.text == "a blue picture of 640 by 360 pixels (What colour?)"
    assert answer.frame is not None
    assert answer.frame.sequence == 3
