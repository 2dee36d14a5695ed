"""Questions about a track's newest frame: visual question answering over the bus."""

from __future__ import annotations

from sightline import subjects
from sightline.errors import CredentialError, RateLimitedError, SightlineError
from sightline.log import get_logger
from sightline.messages import Answer, Frame, Question, TrackEnded, Wire
from sightline.runner.ticket import REFUSED_SECONDS, Replica
from sightline.runner.work import bounded, prepare

log = get_logger()

MAX_ANSWER = 8_000


async def answer(replica: Replica, wire: Wire) -> Wire:
    """Handle one request on ``sightline.ask.<stage>``. Errors are answers, too: somebody waits."""
    try:
        reply = await _answer(replica, Question.from_wire(wire))
    except SightlineError as error:
        log.info("question_failed", stage=replica.stage, error=type(error).__name__, reason=str(error)[:300])
        _pause(replica, error)
        reply = Answer(error=str(error)[:500])
    return reply.to_wire()


async def _answer(replica: Replica, question: Question) -> Answer:
    if replica.pause.seconds > 0:
        return Answer(error=f"{replica.stage} pauses; try again in {replica.pause.seconds:.1f} s")
    found = await replica.bus.newest((Frame, TrackEnded), subjects.frame(question.track))
    if found is None or not isinstance(found.message, Frame):
        return Answer(error="no frame of this track is known: nobody samples it, or it is over")
    frame = found.message
    await prepare(replica.worker, frame)
    text = await bounded(replica.worker, replica.worker.ask(frame, question.question))
    return Answer(text=str(text)[:MAX_ANSWER], frame=frame.info)


def _pause(replica: Replica, error: SightlineError) -> None:
    if isinstance(error, RateLimitedError):
        replica.pause.extend(error.retry_after)
    elif isinstance(error, CredentialError):
        replica.pause.extend(REFUSED_SECONDS)
