"""``look``: a question about what somebody's camera or screen shows now, to a stage that answers."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta

from sightline import subjects, topology
from sightline.bus import Bus
from sightline.errors import SightlineError
from sightline.log import get_logger
from sightline.messages import Answer, FrameInfo, Question, Track
from sightline_agent.eyes import Eyes
from sightline_agent.render import age, clean
from sightline_agent.tools.answers import (
    LOOKED,
    MAX_ANSWER_CHARS,
    MAX_REASON_CHARS,
    NO_NAMES,
    NotPossibleError,
    block,
    whose,
)
from sightline_agent.tools.settings import ToolSettings
from sightline_agent.tools.whom import choose

log = get_logger()

MAX_QUESTION = 2_000
GENERAL = "What is to be seen?"

INSTEAD = (
    "Tell the user that you cannot look closer right now; do not guess what is there. "
    "What this turn was shown is still good for its age."
)


async def look_closer(
    eyes: Eyes,
    settings: ToolSettings,
    question: str,
    who: str = "",
    speaker: str = "",
    names: Mapping[str, str] = NO_NAMES,
) -> str:
    """Ask about the newest frame of each track that is meant; bounded by the deadline of the settings.

    Args:
        who: See ``whom.choose``, as ``speaker`` and ``names``.

    Returns:
        The answers, quoted and attributed.

    Raises:
        NotPossibleError: Nobody is meant, or nobody answers.
    """
    bus = eyes.bus
    if bus is None or not bus.connected:
        raise NotPossibleError(f"The cameras cannot be reached: {_reason(eyes.problem)}. {INSTEAD}")
    chosen = choose(_in_view(eyes), who, speaker, names)
    asked, left = chosen[: settings.look_tracks], chosen[settings.look_tracks :]
    end = asyncio.get_running_loop().time() + settings.look_deadline
    await _freshen(eyes, asked, settings)
    seconds = max(0.05, end - asyncio.get_running_loop().time())
    text = question.strip()[:MAX_QUESTION] or GENERAL
    questions = (_ask(bus, settings.look_stage, each.track, text, seconds) for each in asked)
    answers = await asyncio.gather(*questions)
    if all(answer.error for answer in answers):
        raise NotPossibleError(f"No answer came: {_reason(answers[0].error)}. {INSTEAD}")
    lines = [
        _line(eyes, whose(frame.track, names), frame, answer)
        for frame, answer in zip(asked, answers, strict=True)
    ]
    return block("camera-answer", LOOKED, lines, _unasked(left))


def _in_view(eyes: Eyes) -> list[FrameInfo]:
    """The newest frame of each track, where the bus still has it."""
    oldest = eyes.now() - timedelta(seconds=topology.FRAMES.max_age)
    return [frame for frame in eyes.context.in_view if frame.captured_at > oldest]


async def _freshen(eyes: Eyes, frames: Iterable[FrameInfo], settings: ToolSettings) -> None:
    """Have a frame taken now where the newest is older than one may ask about; with a bound of its own."""
    now = eyes.now()
    old = (each for each in frames if (now - each.captured_at).total_seconds() > settings.look_fresh)
    people = dict.fromkeys(each.track.participant for each in old)
    # Where no source answers, the newest frame is still one to ask about: the answer tells its age.
    captures = asyncio.gather(*(eyes.capture(each, "a question") for each in people))
    try:
        async with asyncio.timeout(settings.look_deadline / 2):
            await captures
    except TimeoutError:
        log.debug("look_not_fresh", seconds=settings.look_deadline / 2)


async def _ask(bus: Bus, stage: str, track: Track, question: str, seconds: float) -> Answer:
    asked = Question(track=track, question=question)
    try:
        return await bus.request(subjects.ask(stage), asked, Answer, timeout=seconds)
    except SightlineError as error:
        log.warning("look_not_answered", stage=stage, reason=str(error))
        return Answer(error=str(error) or type(error).__name__)


def _line(eyes: Eyes, shown: str, newest: FrameInfo, answer: Answer) -> str:
    if answer.error:
        return f"{shown}: no answer ({_reason(answer.error)})"
    frame = answer.frame or newest
    seconds = max(0.0, (eyes.now() - frame.captured_at).total_seconds())
    text = clean(answer.text, MAX_ANSWER_CHARS) or "nothing to say"
    return f'{shown}, {age(seconds)}: "{text}"'


def _reason(text: str) -> str:
    # It may be a model's, or its endpoint's, words.
    return clean(text, MAX_REASON_CHARS).rstrip(".") or "nothing is known of why"


def _unasked(left: Sequence[FrameInfo]) -> str:
    if not left:
        return ""
    return f"Not asked: {', '.join(sorted(whose(each.track) for each in left))}. Name one of them to ask."
