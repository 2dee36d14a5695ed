"""tail, watch, capture, ask and ps: processes on a real server, with a real bus on the other side."""

from __future__ import annotations

import signal
from datetime import timedelta
from pathlib import Path
from typing import Any

from sightline import subjects, topology
from sightline.bus import Bus
from sightline.messages import (
    Answer,
    Caption,
    CaptureReply,
    CaptureRequest,
    EncodedImage,
    Frame,
    Lane,
    Question,
    RoomWanted,
    Source,
    Ticket,
    Track,
    TrackEnded,
    Trigger,
)
from sightline.stages import StageEntry
from sightline.worker import StageWants
from support.command_line import records, sightline, started
from support.nats_server import Server

JPEG = b"\xff\xd8 not looked at \xff\xd9"
CAMERA = Track(room="demo", participant="alice", id="camera")
SCREEN = Track(room="demo", participant="alice", id="screen", source=Source.SCREEN)


def frame(bus: Bus, track: Track = CAMERA, sequence: int = 1) -> Frame:
    return Frame(
        track=track,
        sequence=sequence,
        captured_at=bus.now() - timedelta(seconds=2),
        trigger=Trigger.TIMER,
        width=640,
        height=360,
        content_hash=Frame.hash_of(JPEG),
        data=JPEG,
    )


async def test_tail_shows_frames_captions_and_images_as_they_happen(nats: Server, bus: Bus) -> None:
    first, later = frame(bus), frame(bus, sequence=2)
    image = EncodedImage(profile="agent", width=2, height=1, data=JPEG, frame=first.info)
    for message in (first, Caption(text="a desk", stage="captioner", frame=first.info), image):
        await bus.publish(message)
    found: list[dict[str, Any]] = []
    async with started("tail", "--newest", "--json", NATS_URL=nats.url) as process:
        async for record in records(process):
            found.append(record)
            if len(found) == 3:
                # All three are being read by now.
                await bus.publish(Caption(text="a door", stage="captioner", frame=later.info))
                await bus.publish(TrackEnded(track=CAMERA, sequence=3))
            if len(found) == 5:
                break
    by_event = {record["event"]: record for record in found[:3]}
    assert by_event["caption"]["text"] == "a desk"
    assert by_event["caption"]["frame_id"] == by_event["frame"]["frame_id"] == first.id
    assert by_event["frame"]["age"] >= 2
    assert by_event["image"]["bytes"] == len(JPEG)
    assert {record["event"] for record in found[3:]} == {"caption", "track_ended"}


async def test_tail_shows_one_room_and_one_kind_where_that_is_asked_for(nats: Server, bus: Bus) -> None:
    other = frame(bus, Track(room="other", participant="bob", id="x"))
    for each in (frame(bus), other):
        await bus.publish(each)
        await bus.publish(Caption(text=f"of {each.track.room}", stage="captioner", frame=each.info))
    arguments = ("tail", "--newest", "--captions", "--room", "other", "--json")
    async with started(*arguments, NATS_URL=nats.url) as process:
        events = []
        async for record in records(process):
            events.append((record["event"], record["text"]))
            if len(events) == 1:
                await bus.publish(
                    Caption(text="again demo", stage="captioner", frame=frame(bus, sequence=2).info)
                )
                newer = other.info.model_copy(update={"sequence": 2})
                await bus.publish(Caption(text="again other", stage="captioner", frame=newer))
            else:
                break
    assert events == [("caption", "of other"), ("caption", "again other")]


async def test_tail_ends_quietly_when_its_reader_has_seen_enough(nats: Server, bus: Bus) -> None:
    await bus.publish(frame(bus))
    async with started("tail", "--newest", "--json", NATS_URL=nats.url) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        await process.stdout.readline()
        process._transport.get_pipe_transport(1).close()  # type: ignore[attr-defined]
        sequence = 1
        while process.returncode is None:
            sequence += 1
            await bus.publish(frame(bus, sequence=sequence))
        assert await process.stderr.read() == b""


async def test_interrupting_tail_ends_it_without_a_word(nats: Server, bus: Bus) -> None:
    await bus.publish(frame(bus))
    async with started("tail", "--newest", "--json", NATS_URL=nats.url) as process:
        assert process.stdout is not None
        await process.stdout.readline()
        process.send_signal(signal.SIGINT)
        _, err = await process.communicate()
    assert (process.returncode, err) == (130, b"")


async def test_watch_announces_the_room_until_somebody_takes_it_and_after(nats: Server, bus: Bus) -> None:
    queue = bus.queue(topology.ROOM_QUEUE)
    async with started("watch", "our room", "--json", NATS_URL=nats.url):
        for _ in range(2):
            taken = None
            while taken is None:
                taken = await queue.take()
            assert taken.parse(RoomWanted).room == "our room"
            await taken.done()


async def serve_captures(bus: Bus, reply: CaptureReply) -> list[CaptureRequest]:
    asked: list[CaptureRequest] = []

    async def answer(request: CaptureRequest) -> CaptureReply:
        asked.append(request)
        return reply

    await bus.serve(subjects.capture("demo", "alice"), CaptureRequest, answer)
    return asked


async def test_capture_prints_the_frames_and_saves_their_pictures(
    nats: Server, bus: Bus, tmp_path: Path
) -> None:
    camera, screen = frame(bus), frame(bus, SCREEN)
    for each in (camera, screen):
        await bus.publish(each)
    asked = await serve_captures(bus, CaptureReply(frames=(camera.info, screen.info)))
    arguments = ("capture", "demo", "alice", "--save", str(tmp_path / "out.jpg"), "--json")
    finished = await sightline(*arguments, NATS_URL=nats.url)
    assert (finished.code, finished.err) == (0, "")
    assert [record["frame_id"] for record in finished.records] == [camera.id, screen.id]
    assert [record["saved"] for record in finished.records] == [
        str(tmp_path / "out.jpg"),
        str(tmp_path / "out-2.jpg"),
    ]
    assert (tmp_path / "out.jpg").read_bytes() == (tmp_path / "out-2.jpg").read_bytes() == JPEG
    assert [(request.room, request.participant) for request in asked] == [("demo", "alice")]


async def test_a_capture_without_a_picture_says_why(nats: Server, bus: Bus) -> None:
    await serve_captures(bus, CaptureReply(error="the camera is muted"))
    finished = await sightline("capture", "demo", "alice", NATS_URL=nats.url)
    assert (finished.code, finished.out) == (1, "")
    assert finished.err == "sightline: no frame: the camera is muted\n"


async def test_a_capture_that_nobody_answers_says_what_may_be_missing(nats: Server) -> None:
    finished = await sightline("capture", "demo", "alice", NATS_URL=nats.url)
    assert finished.code == 1
    assert finished.err.startswith("sightline: nobody samples alice in demo")
    assert "sightline watch" in finished.err


async def test_ask_puts_the_question_about_the_track_that_was_asked_for(nats: Server, bus: Bus) -> None:
    asked: list[Question] = []

    async def answer(question: Question) -> Answer:
        asked.append(question)
        return Answer(text="forty-two", frame=frame(bus, question.track).info)

    await bus.serve(subjects.ask("captioner"), Question, answer)
    await bus.publish(frame(bus, CAMERA))
    await bus.publish(frame(bus, SCREEN))
    command = ("ask", "demo", "alice", "How many?", "--source", "screen", "--json")
    finished = await sightline(*command, NATS_URL=nats.url)
    assert (finished.code, finished.err) == (0, "")
    [record] = finished.records
    assert (record["event"], record["text"], record["stage"]) == ("answer", "forty-two", "captioner")
    assert record["frame"]["source"] == "screen"
    [question] = asked
    assert (question.track, question.question) == (SCREEN, "How many?")


async def test_ask_about_nothing_in_view_says_so(nats: Server, bus: Bus) -> None:
    await bus.publish(frame(bus))
    await bus.publish(TrackEnded(track=CAMERA, sequence=2))
    finished = await sightline("ask", "demo", "alice", "What?", NATS_URL=nats.url)
    assert finished.code == 1
    assert finished.err.startswith("sightline: no frame of alice in demo is on the bus")


async def test_an_answer_that_is_an_error_is_one(nats: Server, bus: Bus) -> None:
    async def answer(_: Question) -> Answer:
        return Answer(error="the model\x1b[2J is away")

    await bus.serve(subjects.ask("captioner"), Question, answer)
    await bus.publish(frame(bus))
    finished = await sightline("ask", "demo", "alice", "What?", NATS_URL=nats.url)
    assert finished.code == 1
    assert finished.err == "sightline: captioner could not answer: the model [2J is away\n"


async def test_ps_shows_a_stage_that_is_registered_and_how_far_it_is_behind(nats: Server, bus: Bus) -> None:
    await bus.publish(StageEntry(stage="plates", wants=StageWants(max_fps=2, max_width=640)))
    waiting = bus.queue(topology.lane_queue("plates", Lane.ROUTINE))
    assert await waiting.take() is None  # makes the queue, as a replica does
    for track in (CAMERA, SCREEN):
        assert await bus.offer(Ticket(stage="plates", lane=Lane.ROUTINE, track=track, sequence=1))
    taken = await waiting.take()
    assert taken is not None
    finished = await sightline("ps", "--json", NATS_URL=nats.url)
    assert (finished.code, finished.err) == (0, "")
    [record] = finished.records
    assert record["stage"] == "plates"
    assert record["wants"]["max_width"] == 640
    assert record["replicas"] == []
    assert record["lanes"] == {"urgent": None, "routine": {"waiting": 1, "in_progress": 1}}


async def test_ps_of_nothing_says_how_to_run_something(nats: Server) -> None:
    assert (await sightline("init", NATS_URL=nats.url)).code == 0
    finished = await sightline("ps", NATS_URL=nats.url)
    assert finished.code == 0
    assert "sightline run STAGE" in finished.out
