"""Each credential is enough for all that its service does: the paths of a frame, a question and a room."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import TypeVar

import pytest

from sightline import subjects, topology
from sightline.bus import Bus
from sightline.bus.connection import NobodyListensError
from sightline.messages import (
    Answer,
    Caption,
    CaptureReply,
    CaptureRequest,
    DeadLetter,
    Frame,
    FrameInfo,
    Lane,
    Message,
    Question,
    RoomWanted,
    TrackEnded,
)
from sightline.turns import TurnRecord
from sightline.worker import VisionWorker
from sightline_captioner.worker import Captioner
from support.buses import SECONDS, caption, picture, read
from support.frames import ALICE, frame
from support.secured import Secured
from support.stage import PICTURE, Looker, Source, replica, stored, track

pytestmark = pytest.mark.asyncio(loop_scope="module")

M = TypeVar("M", bound=Message)


@asynccontextmanager
async def opened(secured: Secured, *names: str) -> AsyncIterator[list[Bus]]:
    """A bus with each of these credentials; none of them was refused anything in the end."""
    buses = [Bus(secured.bus_settings(name), name=name) for name in names]
    try:
        async with asyncio.timeout(SECONDS):
            await asyncio.gather(*(bus.start() for bus in buses))
            await asyncio.gather(*(bus.wait_ready() for bus in buses))
        yield buses
        # The answers to these come after a refusal of what was sent without waiting.
        await asyncio.gather(*(bus._jetstream.api("STREAM.INFO.SIGHTLINE_FRAMES") for bus in buses))
        assert [(name, bus.problem) for name, bus in zip(names, buses, strict=True) if bus.problem] == []
    finally:
        await asyncio.gather(*(bus.close() for bus in buses))


async def test_a_worker_of_ones_own_is_given_tickets_and_its_captions_arrive(secured: Secured) -> None:
    async with (
        opened(secured, "room-ingest", "plates", "agent") as (source, plates, agent),
        stored(agent, topology.CAPTIONS, Caption) as captions,
        replica(Looker(), plates, stage="plates"),
    ):
        await Source(source, "plates").show(track(1))
        assert (await captions.says("frame 1")).stage == "plates"


class Broken(VisionWorker):
    async def process(self, frame: Frame) -> Caption | None:
        raise ValueError("a bug")


async def test_what_a_worker_gives_up_on_is_seen_by_the_admin(secured: Secured) -> None:
    async with (
        opened(secured, "room-ingest", "captioner", "admin") as (source, captioner, admin),
        stored(admin, topology.DEAD, DeadLetter) as letters,
        replica(Broken(), captioner, stage="captioner"),
    ):
        await Source(source, "captioner").show(track(2))
        [letter] = await letters.has(1)
        assert (letter.stage, letter.error) == ("captioner", "WorkerError")


async def answered(agent: Bus, subject: str, asked: Message, reply: type[M]) -> M:
    """What is replied, once somebody is there to reply."""
    async with asyncio.timeout(SECONDS):
        while True:
            with contextlib.suppress(NobodyListensError):
                return await agent.request(subject, asked, reply)


async def test_an_upload_is_published_and_asked_about_by_the_agent(secured: Secured) -> None:
    async with (
        opened(secured, "captioner", "agent") as (captioner, agent),
        replica(Captioner(), captioner, stage="captioner"),
    ):
        await agent.publish(frame(PICTURE, 1, ALICE))
        question = Question(track=ALICE, question="What is that?")
        answer = await answered(agent, subjects.ask("captioner"), question, Answer)
        assert answer.error == ""
        assert answer.frame is not None
        await agent.publish(TrackEnded(track=ALICE, sequence=1))


@pytest.mark.parametrize("source", ["room-ingest", "gateway"])
async def test_a_capture_request_is_answered_by_the_source(secured: Secured, source: str) -> None:
    async with opened(secured, source, "agent") as (serving, agent):

        async def show(asked: CaptureRequest) -> CaptureReply:
            return CaptureReply(error=f"{asked.participant} shows nothing")

        stop = await serving.serve(subjects.capture("demo", "alice"), CaptureRequest, show)
        request = CaptureRequest(room="demo", participant="alice", reason="test", deadline=1)
        reply = await answered(agent, request.subject, request, CaptureReply)
        assert reply.error == "alice shows nothing"
        await stop()


async def test_a_room_is_announced_leased_kept_and_given_back(secured: Secured) -> None:
    async with opened(secured, "agent", "room-ingest") as (agent, ingest):
        assert await agent.offer(RoomWanted(room="leased"))
        queue = ingest.queue(topology.ROOM_QUEUE)
        try:
            async with asyncio.timeout(SECONDS):
                while (taken := await queue.take()) is None:
                    pass
            assert taken.parse(RoomWanted).room == "leased"
            await taken.keep()
            await taken.done()
        finally:
            await queue.close()


async def test_a_source_reads_what_others_left_of_its_room(secured: Secured) -> None:
    async with opened(secured, "room-ingest") as (ingest,):
        await ingest.publish(picture(7, track=track(3)))
        left = ingest.stored(
            topology.FRAMES, subjects.frame(track(3)), (FrameInfo, TrackEnded), headers_only=True
        )
        assert [received.message.sequence async for received in left] == [7]


async def test_an_agent_reads_captions_as_they_come_and_records_its_turn(secured: Secured) -> None:
    async with opened(secured, "captioner", "agent") as (captioner, agent):
        shown = caption(1, "a red mug", track(4)).model_copy(update={"stage": "captioner"})
        await captioner.publish(shown)
        feed = agent.feed(
            topology.CAPTIONS, subjects.caption(track(4), "captioner"), (Caption,), history="all"
        )
        async with aclosing(feed):
            assert [each.text for each in await read(feed, 1)] == ["a red mug"]
        await agent.send(TurnRecord(room="demo"))


async def test_the_monitor_sees_how_far_a_stage_is_behind_and_who_runs(secured: Secured) -> None:
    async with (
        opened(secured, "captioner", "monitor", "room-ingest") as (captioner, monitor, source),
        replica(Looker(), captioner, stage="captioner") as running,
    ):
        await Source(source, "captioner").show(track(5))
        assert running is not None
        async with asyncio.timeout(SECONDS):
            while not [found for found in await monitor.replicas(0.1) if found.stage == "captioner"]:
                pass
        lag = await monitor.lag(topology.lane_queue("captioner", Lane.ROUTINE))
        assert lag.waiting + lag.in_progress in (0, 1)
