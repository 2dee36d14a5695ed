"""How far back: what a model says of a time, as a time on the bus's clock."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from sightline_agent.render import clean
from sightline_agent.tools.answers import NotPossibleError

FORMS = (
    'minutes as a number ("10"), a number with a unit ("90 s", "10 min", "2 h"), '
    'or a time of day in UTC ("14:30")'
)

LONGEST = 30 * 86400.0
"""Seconds; what is further back than this is as far as this."""

_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_SPAN = re.compile(
    r"(\d{1,6}(?:[.,]\d+)?)\s*"
    r"(s|secs?|seconds?|m|mins?|minutes?|h|hrs?|hours?|d|days?)?"
)
_CLOCK = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)(?:\s*utc|z)?")
_FILLING = re.compile(r"\b(in|since|the|last|past|ago|at|from)\b")


def since_when(since: str | float | None, now: datetime) -> datetime | None:
    """The time that is meant; None: none.

    Args:
        since: Minutes, or one of ``FORMS``.
        now: The time on the bus's clock.

    Raises:
        NotPossibleError: It is none of the forms, or not in the past.

    >>> from datetime import UTC
    >>> since_when("last 90 s", datetime(2026, 5, 1, 12, 0, tzinfo=UTC)).isoformat()
    '2026-05-01T11:58:30+00:00'
    """
    text = _FILLING.sub(" ", str(since).casefold()).strip() if since is not None else ""
    if not text:
        return None
    if span := _SPAN.fullmatch(text):
        seconds = float(span[1].replace(",", ".")) * _UNITS[(span[2] or "m")[0]]
        if seconds > 0:
            return now - timedelta(seconds=min(seconds, LONGEST))
    elif clock := _CLOCK.fullmatch(text):
        today = now.replace(hour=int(clock[1]), minute=int(clock[2]), second=0, microsecond=0)
        return today if today <= now else today - timedelta(days=1)
    raise NotPossibleError(
        f'`since` has to be {FORMS}, and is "{clean(str(since), 60)}". Call recall again with one of them, '
        "or without it for all that is kept."
    )
