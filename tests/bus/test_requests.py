"""Requests, answers, plain messages, and the replicas that announce themselves."""

from __future__ import annotations

import asyncio
import contextlib
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sightline import subjects
from sightline.bus import Bus
from sightline.bus.client import cancellable
from sightline.bus.clock import BusClock, parse_time
from sightline.config import BusSettings
from sightline.errors import BusError, DecodeError
from sightline.messages import Answer, CaptureReply, CaptureRequest, Question, Speaking, Wire
from support.buses import SECONDS, raw, until_back, until_lost
from support.frames import ALICE
from support.nats_server import Server

REQUEST = CaptureRequest(room="demo", participant="alice", reason="a test")
QUESTION = Question(track=ALICE, question="What is it?")


async def no_frames(request: CaptureRequest) -> CaptureReply:
    return CaptureReply(error=f"nobody samples {request.participant}")


async def test_a_request_is_answered_by_who_serves_its_subject(bus: Bus) -> None:
    stop = await bus.serve(REQUEST.subject, CaptureRequest, no_frames)
    assert (await bus.request(REQUEST.subject, REQUEST, CaptureReply)).error == "nobody samples alice"
    await stop()
    with pytest.raises(BusError, match="nobody listens"):
        await bus.request(REQUEST.subject, REQUEST, CaptureReply)


async def test_requests_are_handled_at_the_same_time(bus: Bus) -> None:
    all_here = asyncio.Barrier(5)

    async def handle(request: CaptureRequest) -> CaptureReply:
        await all_here.wait()
        return CaptureReply(error=request.reason)

    stop = await bus.serve(REQUEST.subject, CaptureRequest, handle)
    requests = [REQUEST.model_copy(update={"reason": str(number)}) for number in range(5)]
    replies = await asyncio.gather(
        *(bus.request(REQUEST.subject, request, CaptureReply, timeout=SECONDS) for request in requests)
    )
    assert [reply.error for reply in replies] == ["0", "1", "2", "3", "4"]
    await stop()


async def test_no_answer_in_time_is_an_error_and_stopping_ends_who_still_works_on_it(bus: Bus) -> None:
    ended = asyncio.Event()

    async def handle(_: CaptureRequest) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    stop = await bus.serve(REQUEST.subject, CaptureRequest, handle)
    with pytest.raises(BusError, match=r"no answer .* within 0\.3 s"):
        await bus.request(REQUEST.subject, REQUEST, CaptureReply, timeout=0.3)
    await stop()
    assert ended.is_set()


async def test_a_handler_that_raises_and_a_request_that_is_none_do_not_end_the_serving(bus: Bus) -> None:
    async def handle(request: CaptureRequest) -> CaptureReply:
        if request.reason == "bad":
            raise ValueError("a bug")
        return CaptureReply(error="fine")

    stop = await bus.serve(REQUEST.subject, CaptureRequest, handle)
    bad = REQUEST.model_copy(update={"reason": "bad"})
    for wrong in (bad, QUESTION):
        with pytest.raises(BusError):
            await bus.request(REQUEST.subject, wrong, CaptureReply, timeout=0.2)
    assert (await bus.request(REQUEST.subject, REQUEST, CaptureReply)).error == "fine"
    await stop()


async def test_an_answer_of_another_type_is_a_decode_error(bus: Bus) -> None:
    stop = await bus.serve(REQUEST.subject, CaptureRequest, no_frames)
    with pytest.raises(DecodeError, match=r"expected sightline\.answer\.v1"):
        await bus.request(REQUEST.subject, REQUEST, Answer)
    await stop()


async def test_what_is_only_told_reaches_who_listens_now(bus: Bus) -> None:
    heard: asyncio.Queue[Speaking] = asyncio.Queue()
    said = Speaking(room="demo", participant="alice", speaking=True)
    stop = await bus.serve(said.subject, Speaking, heard.put)
    await bus.send(said)
    async with asyncio.timeout(SECONDS):
        assert await heard.get() == said
    await stop()


@pytest.mark.faults
async def test_serving_goes_on_after_a_restart(nats: Server, bus: Bus) -> None:
    stop = await bus.serve(REQUEST.subject, CaptureRequest, no_frames)
    await nats.kill()
    await until_lost(bus)
    await nats.start()
    await until_back(bus)
    assert (await bus.request(REQUEST.subject, REQUEST, CaptureReply)).error
    await stop()


@pytest.mark.faults
async def test_a_request_in_the_air_when_the_server_dies_fails_in_time(nats: Server, bus: Bus) -> None:
    asked = asyncio.Event()

    async def handle(_: CaptureRequest) -> None:
        asked.set()

    stop = await bus.serve(REQUEST.subject, CaptureRequest, handle)
    request = asyncio.create_task(bus.request(REQUEST.subject, REQUEST, CaptureReply))
    async with asyncio.timeout(SECONDS):
        await asked.wait()
        await nats.kill()
        with pytest.raises(BusError):
            await request
    await stop()


async def test_a_cancellation_that_the_client_swallows_comes_through_all_the_same() -> None:
    async def swallowing() -> None:
        # As nats-py does while it flushes, and asyncio.wait_for on Python 3.11 when an answer comes.
        with cancellable(), contextlib.suppress(asyncio.CancelledError):
            await asyncio.Event().wait()

    task = asyncio.create_task(swallowing())
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task], timeout=SECONDS)
    assert task.cancelled()


def status() -> dict[str, Any]:
    return {"served": 3, "problem": ""}


async def echo(wire: Wire) -> Wire:
    return Answer(text=Question.from_wire(wire).question).to_wire()


async def test_replicas_are_found_with_what_they_say_of_themselves(bus: Bus) -> None:
    stops = [await bus.register("test", "1.2.3", subjects.status("test"), status, {}) for _ in range(2)]
    found = await bus.replicas()
    assert [(replica.stage, replica.version, replica.status["served"]) for replica in found] == [
        ("test", "1.2.3", 3)
    ] * 2
    assert found[0].id != found[1].id
    for stop in stops:
        await stop()
    assert await bus.replicas() == []


async def test_an_answer_to_the_search_that_is_none_is_left_out(bus: Bus, nats: Server) -> None:
    async with raw(nats.url) as client:

        async def babble(message: Any) -> None:
            await message.respond(b"{]")
            await message.respond(json.dumps({"name": "half an answer"}).encode())

        await client.subscribe("$SRV.STATS", cb=babble)
        await client.flush()
        stop = await bus.register("test", "1.2.3", subjects.status("test"), status, {})
        assert [replica.stage for replica in await bus.replicas()] == ["test"]
        await stop()


async def test_a_question_goes_to_one_of_the_replicas_and_comes_back_answered(bus: Bus) -> None:
    endpoints = {subjects.ask("test"): echo}
    stop = await bus.register("test", "1.2.3", subjects.status("test"), status, endpoints)
    assert (await bus.request(subjects.ask("test"), QUESTION, Answer)).text == "What is it?"
    await stop()


@pytest.mark.parametrize("fault", ["raises", "answers with too much"])
async def test_an_endpoint_that_fails_says_so_and_serves_on(bus: Bus, fault: str) -> None:
    async def handle(wire: Wire) -> Wire:
        if Question.from_wire(wire).question == "again":
            return Answer(text="fine").to_wire()
        if fault == "raises":
            raise ValueError("a bug")
        return Wire({"a": "b" * 1000}, b"x" * 1024 * 1024)

    endpoints = {subjects.ask("test"): handle}
    stop = await bus.register("test", "1.2.3", subjects.status("test"), status, endpoints)
    with pytest.raises(BusError, match=r"sightline\.ask\.test: (ValueError|TooLargeError)"):
        await bus.request(subjects.ask("test"), QUESTION, Answer, timeout=5)
    again = QUESTION.model_copy(update={"question": "again"})
    assert (await bus.request(subjects.ask("test"), again, Answer)).text == "fine"
    await stop()


@pytest.mark.faults
async def test_a_replica_is_found_again_after_a_restart(nats: Server, bus: Bus) -> None:
    stop = await bus.register("test", "1.2.3", subjects.status("test"), status, {subjects.ask("test"): echo})
    await nats.kill()
    await until_lost(bus)
    await nats.start()
    await until_back(bus)
    assert [replica.stage for replica in await bus.replicas()] == ["test"]
    assert (await bus.request(subjects.ask("test"), QUESTION, Answer)).text == "What is it?"
    await stop()


async def test_ages_are_right_on_a_host_whose_clock_is_five_minutes_off(
    nats: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Ahead(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:  # type: ignore[override]
            return datetime.now(tz) + timedelta(minutes=5)

    monkeypatch.setattr("sightline.bus.clock.datetime", Ahead)
    bus = Bus(BusSettings(url=nats.url), name="ahead")
    assert bus.now() - datetime.now(UTC) > timedelta(minutes=4)  # before it heard of the server's
    await bus.start()
    await bus.wait_ready()
    assert abs(bus.now() - datetime.now(UTC)) < timedelta(seconds=2)
    await bus.close()


def test_a_reading_is_taken_as_made_in_the_middle_of_its_request() -> None:
    clock = BusClock()
    clock.read("2026-01-01T00:00:00.123456789Z", asked=100.0, answered=104.0)
    assert clock._server == datetime(2026, 1, 1, 0, 0, 0, 123456, tzinfo=UTC)
    assert clock._monotonic == 102.0


@pytest.mark.parametrize(
    ("text", "microseconds"),
    [
        ("2026-01-01T00:00:00Z", 0),
        ("2026-01-01T00:00:00.5Z", 500_000),
        ("2026-01-01T02:00:00.1234567+02:00", 123_456),
    ],
)
def test_times_as_go_writes_them_are_read(text: str, microseconds: int) -> None:
    assert parse_time(text) == datetime(2026, 1, 1, microsecond=microseconds, tzinfo=UTC)
