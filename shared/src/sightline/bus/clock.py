"""The bus's clock: ages stay right on hosts whose clocks differ."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime, timedelta

_NANOSECONDS = re.compile(r"(\.\d{6})\d+")


class BusClock:
    """Time as the NATS server has it, carried on by this host's monotonic clock.

    Before the first reading it is this host's own clock.
    """

    def __init__(self) -> None:
        self._server = datetime.now(UTC)
        self._monotonic = time.monotonic()

    def now(self) -> datetime:
        """The time now, UTC."""
        return self._server + timedelta(seconds=time.monotonic() - self._monotonic)

    def read(self, server_time: str, asked: float, answered: float) -> None:
        """Take a reading.

        Args:
            server_time: RFC 3339, as the server answered it.
            asked: ``time.monotonic()`` as the request left.
            answered: ``time.monotonic()`` as the answer came; the reading is as good as half the
                time between.
        """
        self._server = parse_time(server_time)
        self._monotonic = (asked + answered) / 2


def parse_time(text: str) -> datetime:
    """RFC 3339 with nanoseconds, as Go writes it -> datetime with microseconds."""
    return datetime.fromisoformat(_NANOSECONDS.sub(r"\1", text))
