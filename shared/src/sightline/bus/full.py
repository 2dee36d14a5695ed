"""Streams that have no room left: a full disk, or a limit of the server's or an account's."""

from __future__ import annotations

from sightline.errors import StoreFullError
from sightline.log import get_logger
from sightline.metrics import BUS_REFUSED
from sightline.topology import stream_of

log = get_logger()


class FullStreams:
    """Which streams took no message when they were last offered one, as far as this connection knows."""

    def __init__(self) -> None:
        self._problems: dict[str, str] = {}

    @property
    def problem(self) -> str:
        """What is not stored, and why; empty when everything is."""
        return "; ".join(self._problems.values())

    def refused(self, subject: str, error: StoreFullError) -> None:
        """A message had no room."""
        stream = stream_of(subject).name
        BUS_REFUSED.labels(stream).inc()
        if stream not in self._problems:
            log.error("stream_full", stream=stream, reason=str(error))
        self._problems[stream] = f"{stream} takes no messages: {error}"

    def stored(self, subject: str) -> None:
        """A message had room."""
        if self._problems and self._problems.pop(stream_of(subject).name, ""):
            log.info("stream_has_room", stream=stream_of(subject).name)
