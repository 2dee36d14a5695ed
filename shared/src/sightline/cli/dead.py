"""``sightline dead``: work that was given up on, and another try."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal

from sightline import subjects, topology
from sightline.bus import Bus, Received
from sightline.cli.connect import open_bus
from sightline.cli.output import emit, printable, say, seconds, table
from sightline.cli.records import frame_fields, who
from sightline.cli.streams import check_stage
from sightline.errors import DecodeError, SettingsError, SightlineError
from sightline.messages import DeadLetter, FrameInfo, Lane, Ticket, TrackEnded

Letter = Received[DeadLetter]

Outcome = Literal["offered", "waiting", "over", "gone", "unreadable"]
"""What came of a retry: the queue has a ticket; it had one already; the track is over; no frame of it is on
the bus any more; what is there is no frame."""

_SAYS: dict[str, str] = {
    "offered": "offered again: the track's newest frame will be looked at",
    "waiting": "a ticket of this track waits already: its newest frame will be looked at",
    "over": "not tried again: the track is over",
    "gone": "not tried again: no frame of this track is on the bus any more, which keeps one for a minute",
    "unreadable": "not tried again: what is stored in place of its frame is none",
}

REASON = 60
"""Characters of a reason in a table."""


async def list_letters(stage: str | None, limit: int, as_json: bool) -> None:
    """Print the newest dead letters first.

    Args:
        stage: Of this stage only.
        limit: At most so many.
    """
    async with open_bus() as bus:
        letters = (await _read(bus, stage))[:limit]
        now = bus.now()
    if as_json:
        for letter in letters:
            emit(_record(letter, now))
    elif letters:
        headings = ("id", "age", "stage", "whose", "frame", "attempts", "error", "reason")
        table(headings, (_row(letter, now) for letter in letters))
    else:
        say(f"no dead letters{f' of {printable(stage)}' if stage else ''}: nothing was given up on")


async def show_letter(number: int, as_json: bool) -> None:
    """Print all that is known of one.

    Raises:
        SightlineError: There is none with this id.
    """
    async with open_bus() as bus:
        letter = await _find(bus, number)
        record = _record(letter, bus.now())
    if as_json:
        emit(record)
    else:
        table(("", ""), ((name, value) for name, value in record.items() if name != "event"))


async def retry_letters(number: int | None, stage: str | None, forget: bool, as_json: bool) -> bool:
    """Offer the newest frames of their tracks again, once per track and stage.

    Args:
        number: The id of one; or else
        stage: all of this stage.
        forget: Delete the letters whose track is tried again, or can never be.

    Returns:
        Whether all tracks are tried again.

    Raises:
        SettingsError: Neither or both of an id and a stage are given.
        SightlineError: There is no such letter, or deleting is not permitted.
    """
    if (number is None) == (stage is None):
        raise SettingsError(
            "expected either the ID of a dead letter or --stage STAGE, which retries all of it"
        )
    async with open_bus() as bus:
        letters = await _read(bus, stage) if number is None else [await _find(bus, number)]
        if not letters and not as_json:
            say(f"no dead letters of {printable(stage or '')}")
        outcomes: dict[tuple[str, str], Outcome] = {}
        for letter in letters:
            work = (letter.message.stage, subjects.frame_of_work(letter.message.work_subject))
            outcome = outcomes[work] = outcomes[work] if work in outcomes else await _retry(bus, *work)
            if forget:
                await bus.stores.delete(topology.DEAD, letter.sequence)
            _tell(letter, outcome, forget, as_json)
    return all(outcome in ("offered", "waiting") for outcome in outcomes.values())


async def _read(bus: Bus, stage: str | None) -> list[Letter]:
    """All of a stage's, or of all stages', the newest first."""
    if stage is not None:
        check_stage(stage)
    subject = subjects.dead_of(stage) if stage else topology.DEAD.subjects[0]
    stored = bus.stored(topology.DEAD, subject, (DeadLetter,))
    return [letter async for letter in stored][::-1]


async def _find(bus: Bus, number: int) -> Letter:
    for letter in await _read(bus, None):
        if letter.sequence == number:
            return letter
    raise SightlineError(f"expected the id of a dead letter, got {number}: `sightline dead list` has them")


async def _retry(bus: Bus, stage: str, subject: str) -> Outcome:
    """Offer a ticket for what is the newest frame now: the one that failed may be gone, and is older."""
    try:
        found = await bus.newest((FrameInfo, TrackEnded), subject)
    except DecodeError:
        return "unreadable"
    if found is None:
        return "gone"
    frame = found.message
    if not isinstance(frame, FrameInfo):
        return "over"
    ticket = Ticket(stage=stage, lane=Lane.of(frame.trigger), track=frame.track, sequence=frame.sequence)
    return "offered" if await bus.offer(ticket) else "waiting"


def _tell(letter: Letter, outcome: Outcome, forgotten: bool, as_json: bool) -> None:
    if as_json:
        about = {"id": letter.sequence, "stage": letter.message.stage}
        emit({"event": "retry", **about, "outcome": outcome, "forgotten": forgotten})
    else:
        say(f"{letter.sequence}: {_SAYS[outcome]}{'; forgotten' if forgotten else ''}")


def _record(letter: Letter, now: datetime) -> dict[str, Any]:
    dead = letter.message
    return {
        "event": "dead",
        "id": letter.sequence,
        "at": letter.at.isoformat(),
        "age": _age(letter, now),
        "stage": dead.stage,
        "attempts": dead.attempts,
        "error": dead.error,
        "reason": dead.reason,
        "frame": frame_fields(dead.frame, now) if dead.frame else None,
    }


def _row(letter: Letter, now: datetime) -> Sequence[object]:
    dead, frame = letter.message, letter.message.frame
    reason = dead.reason if len(dead.reason) <= REASON else f"{dead.reason[: REASON - 1]}…"
    of = (who(frame.track), f"#{frame.sequence}") if frame else ("nobody knows whose", "-")
    return (letter.sequence, seconds(_age(letter, now)), dead.stage, *of, dead.attempts, dead.error, reason)


def _age(letter: Letter, now: datetime) -> float:
    return round(max(0.0, (now - letter.at).total_seconds()), 3)
