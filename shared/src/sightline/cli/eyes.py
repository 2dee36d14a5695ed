"""``sightline watch``, ``capture`` and ``ask``: ask for eyes, for a frame, for an answer."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from pathlib import Path
from typing import NoReturn

from sightline import subjects, topology
from sightline.bus import Bus
from sightline.cli.connect import open_bus
from sightline.cli.output import complain, emit, printable, say
from sightline.cli.records import age, frame_fields, line
from sightline.errors import BusError, CaptureError, SightlineError
from sightline.messages import (
    Answer,
    CaptureReply,
    CaptureRequest,
    Frame,
    FrameInfo,
    Question,
    RoomWanted,
    Track,
    TrackEnded,
)

ANNOUNCE_SECONDS = 3.0
"""Between two announcements of a room: free, as the slot is taken while somebody has the room."""

FIND_SECONDS = 2.0
ANSWER_SECONDS = 60.0
SUFFIXES = {"image/jpeg": ".jpg", "image/png": ".png", "image/webp": ".webp"}


async def watch(room: str, as_json: bool) -> NoReturn:
    """Announce, until cancelled, that a room wants eyes."""
    async with open_bus() as bus:
        wanted = RoomWanted(room=room, requested_by="sightline watch")
        before: bool | None = None
        while True:
            taken = await _announce(bus, wanted)
            if taken is not None and taken != before:
                _say_announced(room, taken, as_json)
                before = taken
            await asyncio.sleep(ANNOUNCE_SECONDS)


async def capture(room: str, participant: str, deadline: float, save: Path | None, as_json: bool) -> None:
    """Ask for a frame now; print it, and save its picture where one asked for that.

    Raises:
        CaptureError: Nobody samples that participant, or there was no picture in time.
    """
    async with open_bus() as bus:
        for number, frame in enumerate(await _captured(bus, room, participant, deadline)):
            saved = await _save(bus, frame, save, number) if save else None
            now = bus.now()
            if as_json:
                extra = {"saved": str(saved)} if saved else {}
                emit({"event": "frame", **frame_fields(frame, now), **extra})
            else:
                say(f"{frame.id}  {line(frame, now)}" + (f", saved as {saved}" if saved else ""))


async def ask(
    room: str, participant: str, question: str, stage: str, source: str | None, as_json: bool
) -> None:
    """Put a question about the newest frame of a participant's track to a stage.

    Args:
        source: Which track, `camera` or `screen`, where there are several; None: any.

    Raises:
        SightlineError: There is no such track, or nobody answers questions, or this one.
    """
    async with open_bus() as bus:
        track = await _find_track(bus, room, participant, source)
        answer = await _answer(bus, stage, Question(track=track, question=question))
        if answer.error:
            raise SightlineError(f"{stage} could not answer: {printable(answer.error)}")
        now = bus.now()
        if as_json:
            about = frame_fields(answer.frame, now) if answer.frame else None
            emit({"event": "answer", "stage": stage, "text": answer.text, "frame": about})
        else:
            seen = f" ({age(answer.frame, now):.1f} s old)" if answer.frame else ""
            say(f"{printable(answer.text)}{seen}")


def _say_announced(room: str, known: bool, as_json: bool) -> None:
    if as_json:
        emit({"event": "room", "room": room, "state": "known" if known else "announced"})
    else:
        state = "known: it is watched, or waits for a room-ingest" if known else "announced"
        say(f"{printable(room)} is {state}; ^C ends")


async def _announce(bus: Bus, wanted: RoomWanted) -> bool | None:
    """Whether it was known already; None: the bus is away."""
    try:
        return not await bus.offer(wanted)
    except BusError as error:
        complain(f"not announced, trying again: {error}")
        return None


async def _captured(bus: Bus, room: str, participant: str, deadline: float) -> tuple[FrameInfo, ...]:
    request = CaptureRequest(
        room=room, participant=participant, reason="sightline capture", deadline=deadline
    )
    try:
        reply = await bus.request(request.subject, request, CaptureReply, timeout=deadline + 1)
    except BusError as error:
        raise CaptureError(
            f"nobody samples {printable(participant)} in {printable(room)}: {error}. "
            f"Is room-ingest running, and is the room announced (`sightline watch {printable(room)}`)?"
        ) from error
    if not reply.frames:
        raise CaptureError(f"no frame: {printable(reply.error) or 'no picture came in time'}")
    return reply.frames


async def _save(bus: Bus, captured: FrameInfo, path: Path, number: int) -> Path:
    """Write a captured frame's picture; the second track's beside the first as ``name-2.jpg``."""
    received = await bus.newest((Frame, TrackEnded), subjects.frame(captured.track))
    frame = received.message if received else None
    if not isinstance(frame, Frame) or frame.sequence < captured.sequence:
        raise CaptureError(f"frame {captured.id} is not on the bus any more; try again")
    if number:
        path = path.with_name(f"{path.stem}-{number + 1}{path.suffix}")
    path = path if path.suffix else path.with_suffix(SUFFIXES.get(frame.content_type, ".jpg"))
    try:
        await asyncio.to_thread(path.write_bytes, frame.data)
    except OSError as error:
        raise SightlineError(f"cannot write {path}: {error.strerror}") from error
    return path


async def _find_track(bus: Bus, room: str, participant: str, source: str | None) -> Track:
    """A track of the participant that is in view."""
    tokens = f"{subjects.token(room)}.{subjects.token(participant)}"
    subject = f"{subjects.ROOT}.frames.{tokens}.>"
    types: tuple[type[FrameInfo | TrackEnded], ...] = (FrameInfo, TrackEnded)
    try:
        feed = bus.feed(topology.FRAMES, subject, types, headers_only=True)
        async with asyncio.timeout(FIND_SECONDS), aclosing(feed):
            async for received in feed:
                track = received.message.track
                if isinstance(received.message, FrameInfo) and source in (None, track.source.value):
                    return track
    except TimeoutError:
        pass
    raise SightlineError(
        f"no frame of {printable(participant)} in {printable(room)} is on the bus. "
        "`sightline tail --frames` shows whose there are"
    )


async def _answer(bus: Bus, stage: str, question: Question) -> Answer:
    try:
        return await bus.request(subjects.ask(stage), question, Answer, timeout=ANSWER_SECONDS)
    except BusError as error:
        raise SightlineError(
            f"nobody of stage {stage!r} answers questions: {error}. `sightline ps` shows what runs"
        ) from error
