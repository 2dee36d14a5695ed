"""``recall``: what this room showed, searched in the captions that are stored."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from datetime import datetime

from sightline import subjects, topology
from sightline.bus import Bus
from sightline.errors import SightlineError
from sightline.log import get_logger
from sightline.messages import Caption
from sightline_agent.eyes import Eyes
from sightline_agent.render import age, clean
from sightline_agent.tools.answers import (
    MAX_CAPTION_CHARS,
    MAX_REASON_CHARS,
    RECALLED,
    NotPossibleError,
    block,
    whose,
)
from sightline_agent.tools.moments import Moment, find
from sightline_agent.tools.settings import ToolSettings
from sightline_agent.tools.times import since_when

log = get_logger()

KEPT = topology.CAPTIONS.max_age
"""Seconds that captions are kept."""

Remembered = list[tuple[Caption, datetime]]


async def recall_seen(
    eyes: Eyes,
    settings: ToolSettings,
    about: str = "",
    since: str | float | None = None,
    call_seconds: float | None = None,
) -> str:
    """Search what was seen in the room; bounded by the deadline of the settings.

    Args:
        about: What to look for; empty: the newest of everything.
        since: How far back; see ``times.since_when``. Captions are kept for an hour.
        call_seconds: How long this call has lasted: what a room of this name showed before is not told.

    Returns:
        When, whose, and what, quoted; or that nothing was found.

    Raises:
        NotPossibleError: The time is none, or what was seen cannot be read now.
    """
    now = eyes.now()
    asked = since_when(since, now)
    limits = [KEPT, *([call_seconds] if call_seconds is not None else [])]
    back = min([*limits, *([(now - asked).total_seconds()] if asked else [])])
    captions = await _read(eyes, settings, now, back)
    moments, left = await asyncio.to_thread(
        find, captions, about, settings.recall_results, settings.recall_language
    )
    if not moments:
        return _nothing(about, asked, len(captions), back)
    more = f"{left} more fit; ask for fewer words or a shorter time to see others." if left else ""
    return block("camera-memory", RECALLED, (_line(each, now) for each in moments), more)


async def _read(eyes: Eyes, settings: ToolSettings, now: datetime, back: float) -> Remembered:
    """The room's captions of the last ``back`` seconds."""
    bus = eyes.bus
    try:
        if bus is None or not bus.connected:
            raise NotPossibleError(_away(eyes.problem))
        async with asyncio.timeout(settings.recall_deadline):
            return await _captions(bus, eyes.room, now, back)
    except (SightlineError, TimeoutError) as error:
        log.warning("recall_failed", reason=str(error) or type(error).__name__)
        raise NotPossibleError(_away(str(error) or "it took too long")) from error


async def _captions(bus: Bus, room: str, now: datetime, back: float) -> Remembered:
    found: Remembered = []
    oldest = now.timestamp() - back
    since = datetime.fromtimestamp(oldest, now.tzinfo)
    stored = bus.stored(topology.CAPTIONS, subjects.room_captions(room), (Caption,), since)
    async with aclosing(stored):
        async for received in stored:
            frame = received.message.frame
            # By its message, not by the subject alone, it is this room's.
            if frame is None or frame.track.room != room:
                continue
            # A frame cannot have been taken after its caption was stored, whatever its source's clock says.
            at = min(frame.captured_at, received.at)
            if at >= since:
                found.append((received.message, at))
    return found


def _line(moment: Moment, now: datetime) -> str:
    last = age(max(0.0, (now - moment.last).total_seconds()))
    when = f"{last} ({moment.last:%H:%M} UTC)"
    if moment.times > 1:
        first = age(max(0.0, (now - moment.first).total_seconds()))
        when = f"{when}, {moment.times} times since {first}"
    return f'{when}, {whose(moment.track)}: "{clean(moment.text, MAX_CAPTION_CHARS)}"'


def _nothing(about: str, asked: datetime | None, known: int, back: float) -> str:
    span = _span(back)
    if not known:
        longer = " Ask without `since` for all that is kept." if asked else ""
        return f"Nothing was seen in this call in the last {span}.{longer} Tell the user so; do not guess."
    wider = ", or without `since`" if asked else ""
    return (
        f'Nothing that was seen in the last {span} fits "{clean(about, 100)}". Try other words{wider}; '
        "an empty `about` lists the newest of everything. If that does not help, tell the user that you did "
        "not see it; do not guess."
    )


def _span(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"


def _away(reason: str) -> str:
    why = clean(reason, MAX_REASON_CHARS).rstrip(".") or "nothing is known of why"
    return (
        f"What was seen cannot be looked up right now: {why}. Try again in a moment; until then answer "
        "from what this conversation tells, and tell the user that you cannot look back; do not guess."
    )
