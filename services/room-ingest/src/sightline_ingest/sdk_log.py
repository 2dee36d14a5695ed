"""Keeps two warnings of LiveKit's SDK out of the log: each comes once per room, and means nothing."""

from __future__ import annotations

import logging

_MEANINGLESS = (
    # It drops the handle of a track that was unsubscribed from a second time, as the room is left.
    "Attempted to drop unknown FFI handle",
    # A room that is left at once after an unsubscribe has nobody to tell of it.
    "peer connection is closed, cannot create offer",
)


def quiet() -> None:
    """Drop them. Harmless to call again."""
    logging.getLogger("livekit").addFilter(_means_something)


def _means_something(record: logging.LogRecord) -> bool:
    text = record.getMessage()
    return not any(part in text for part in _MEANINGLESS)
