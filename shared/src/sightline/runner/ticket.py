"""One ticket, from taken to done: the newest frame of its track, to the worker, to the bus."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import NamedTuple

from sightline import subjects, tracing
from sightline.bus import Bus, Received, Taken
from sightline.errors import (
    BusClosedError,
    BusError,
    CredentialError,
    RateLimitedError,
    SightlineError,
    StoreFullError,
)
from sightline.log import get_logger
from sightline.messages import Caption, DeadLetter, Frame, FrameInfo, Lane, Ticket, TrackEnded, Trigger
from sightline.metrics import FRAME_AGE, IN_PROGRESS, QUEUE_AGE, STAGE_SECONDS, TICKETS, WORK_SECONDS
from sightline.runner.memory import Memory
from sightline.runner.pause import Pause
from sightline.runner.work import Finding, look
from sightline.topology import ACK_WAIT
from sightline.worker import VisionWorker

log = get_logger()

ATTEMPTS = 3
"""Deliveries of a ticket before the worker gives up on it."""

REFUSED_SECONDS = 10.0
"""Pause after a key was refused: people have to act."""

FULL_SECONDS = 2.0
"""Pause of a ticket whose result the bus had no room for."""

PUBLISH_TRIES = 4
_EARLY = 0.9
"""Part of its interval after which a frame is on time: sources are not exact."""


class Replica(NamedTuple):
    """What the slots of one replica share."""

    worker: VisionWorker
    stage: str
    bus: Bus
    memory: Memory
    pause: Pause
    report: Callable[[SightlineError | None], None]
    """Told of each call of the worker: what went wrong, or that nothing did."""


async def serve_ticket(replica: Replica, lane: Lane, taken: Taken) -> None:
    """Do what a ticket asks for, and remove it or hand it back."""
    outcome = "failed"
    frame: FrameInfo | None = None
    began = time.monotonic()
    if taken.attempts == 1:
        waited = (replica.bus.now() - taken.at).total_seconds()
        QUEUE_AGE.labels(replica.stage, lane).observe(max(0.0, waited))
    try:
        ticket = taken.parse(Ticket)
        async with _kept(taken):
            # At once: each is a way to the server and back, and the model waits for both.
            newest, captioned = await asyncio.gather(_newest(replica, ticket), _captioned(replica, ticket))
            frame = newest.message.info if newest else None
            outcome = await _serve_frame(replica, lane, taken, newest, captioned)
        await taken.done()
        await _offer_again(replica, lane, ticket, frame)
    except asyncio.CancelledError:
        await _hand_back(taken)
        raise
    except StoreFullError as full:
        outcome = await _not_stored(replica, taken, full)
    except (BusError, BusClosedError) as lost:
        # Nothing to mend here: the ticket, or one for a newer frame, comes again.
        log.debug("ticket_lost", stage=replica.stage, reason=str(lost))
        outcome = "lost"
    except SightlineError as failure:
        outcome = await _fail(replica, lane, taken, frame, failure)
    except Exception as bug:
        # Ours, not the worker's: one frame must not take the replica down, again and again.
        log.exception("ticket_failed", stage=replica.stage)
        error = SightlineError(f"{type(bug).__name__}: {bug}")
        outcome = await _fail(replica, lane, taken, frame, error)
    STAGE_SECONDS.labels(replica.stage, lane).observe(time.monotonic() - began)
    TICKETS.labels(replica.stage, lane, outcome).inc()


async def _newest(replica: Replica, ticket: Ticket) -> Received[Frame] | None:
    """The newest frame of the track; None when the track is over, or its frames are gone."""
    found = await replica.bus.newest((Frame, TrackEnded), subjects.frame(ticket.track))
    if found is None or isinstance(found.message, TrackEnded):
        return None
    return found  # type: ignore[return-value]


async def _captioned(replica: Replica, ticket: Ticket) -> int:
    """The sequence of the newest frame that a replica captioned already; 0: none."""
    caption = await replica.bus.newest(Caption, subjects.caption(ticket.track, replica.stage))
    done = caption.message.frame if caption else None
    return done.sequence if done else 0


async def _serve_frame(
    replica: Replica, lane: Lane, taken: Taken, newest: Received[Frame] | None, captioned: int
) -> str:
    if newest is None:
        return "gone"
    frame = newest.message
    if _of_the_other_lane(replica, lane, frame) or captioned >= frame.sequence:
        return "superseded"
    if taken.attempts > ATTEMPTS:
        raise SightlineError(f"given up: {taken.attempts - 1} replicas took this ticket and did not finish")
    if not replica.memory.claim(frame):
        return "superseded"
    try:
        about: dict[str, str | int] = {
            "stage": replica.stage,
            "lane": lane.value,
            "frame": frame.id,
            "sequence": frame.sequence,
        }
        with tracing.span(f"{replica.stage} process", newest.headers, kind="consumer", about=about):
            findings = await _look(replica, frame)
            for finding in findings:
                await _publish(replica, finding)
    except BaseException:
        replica.memory.release(frame)
        raise
    replica.report(None)
    age = (replica.bus.now() - frame.captured_at).total_seconds()
    FRAME_AGE.labels(replica.stage, lane).observe(age)
    return "done" if findings else "nothing"


def _of_the_other_lane(replica: Replica, lane: Lane, frame: Frame) -> bool:
    """A requested frame has a ticket in the urgent lane: the routine lane would do it twice."""
    return (
        lane is Lane.ROUTINE
        and frame.trigger is Trigger.USER_REQUEST
        and Trigger.USER_REQUEST in replica.worker.wants.triggers
    )


async def _look(replica: Replica, frame: Frame) -> list[Finding]:
    """Call the worker; where the model's owner asks for a pause, wait as told and call again."""
    while True:
        await replica.pause.over()
        try:
            with (
                IN_PROGRESS.labels(replica.stage).track_inprogress(),
                WORK_SECONDS.labels(replica.stage).time(),
            ):
                return await look(replica.worker, replica.stage, frame)
        except RateLimitedError as error:
            log.warning("rate_limited", stage=replica.stage, seconds=round(error.retry_after, 1))
            replica.pause.extend(error.retry_after)


async def _publish(replica: Replica, finding: Finding) -> None:
    """Store a finding, once. The work is done: a bus that is away for a moment must not undo it."""
    assert finding.frame is not None
    what = finding.model + finding.prompt if isinstance(finding, Caption) else finding.profile
    message_id = f"{finding.frame.id}.{replica.stage}.{subjects.token(replica.worker.identity or what)}"
    for attempt in range(1, PUBLISH_TRIES + 1):
        try:
            await replica.bus.publish(finding, message_id=message_id)
            return
        except BusError as error:
            if attempt == PUBLISH_TRIES or isinstance(error, StoreFullError):
                raise
            await asyncio.sleep(attempt * random.uniform(0.3, 0.6))


async def _offer_again(replica: Replica, lane: Lane, ticket: Ticket, done: FrameInfo | None) -> None:
    """A newer frame that came meanwhile found the slot taken: put a ticket back for it."""
    if done is None:
        return
    found = await replica.bus.newest((FrameInfo, TrackEnded), subjects.frame(ticket.track))
    if found is None or isinstance(found.message, TrackEnded):
        return
    newer = found.message
    assert isinstance(newer, FrameInfo)
    wants = replica.worker.wants
    soon = newer.captured_at - done.captured_at < timedelta(seconds=_EARLY / wants.max_fps)
    if (
        newer.sequence > done.sequence
        and (newer.unchanged_since is None or newer.unchanged_since > done.sequence)
        and newer.trigger in wants.triggers
        and Lane.of(newer.trigger) is lane
        and (not soon or lane is Lane.URGENT)
    ):
        await replica.bus.offer(
            Ticket(stage=ticket.stage, lane=lane, track=ticket.track, sequence=newer.sequence)
        )


async def _fail(
    replica: Replica, lane: Lane, taken: Taken, frame: FrameInfo | None, error: SightlineError
) -> str:
    replica.report(error)
    told = log.bind(stage=replica.stage, **(_whose(frame) if frame else {}))
    if isinstance(error, CredentialError):
        replica.pause.extend(REFUSED_SECONDS)
    if error.retryable and taken.attempts < ATTEMPTS:
        delay = random.uniform(0.5, 1) * 2 ** (taken.attempts - 2)
        told.info("ticket_retried", attempt=taken.attempts, reason=str(error))
        with contextlib.suppress(BusError, BusClosedError):
            await taken.retry(delay)
        return "retried"
    told.warning("ticket_given_up", error=type(error).__name__, reason=str(error)[:300])
    letter = DeadLetter(
        stage=replica.stage,
        work_subject=taken.subject,
        reason=str(error)[:2000],
        error=type(error).__name__,
        attempts=taken.attempts,
        frame=frame,
    )
    with contextlib.suppress(BusError, BusClosedError):
        with contextlib.suppress(StoreFullError):  # without room for letters the log is all there is
            await replica.bus.publish(letter)
        await taken.done()
        if frame is not None:
            await _offer_again(replica, lane, taken.parse(Ticket), frame)
    return "dead"


def _whose(frame: FrameInfo) -> dict[str, str]:
    return {"room": frame.track.room, "frame": frame.id}


async def _not_stored(replica: Replica, taken: Taken, full: StoreFullError) -> str:
    """There may be room in a moment; later there is a newer frame anyway."""
    log.debug("result_not_stored", stage=replica.stage, reason=str(full))
    with contextlib.suppress(BusError, BusClosedError):
        await (taken.retry(FULL_SECONDS) if taken.attempts < ATTEMPTS else taken.done())
    return "unstored"


@contextlib.asynccontextmanager
async def _kept(taken: Taken) -> AsyncIterator[None]:
    """Tell the bus that the work is in progress, while it is."""

    async def keep() -> None:
        while True:
            await asyncio.sleep(ACK_WAIT / 3)
            with contextlib.suppress(BusError, BusClosedError):
                await taken.keep()

    task = asyncio.create_task(keep())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _hand_back(taken: Taken) -> None:
    with contextlib.suppress(BusError, BusClosedError, TimeoutError):
        async with asyncio.timeout(1):
            await taken.retry()
