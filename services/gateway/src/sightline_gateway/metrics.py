"""What the gateway counts. Labels are bounded: never a session, an address or a name."""

from __future__ import annotations

from prometheus_client import Counter, Gauge

from sightline.messages import Trigger
from sightline_gateway.protocol import (
    Error,
    FrameReceived,
    ResponseComplete,
    ServerMessage,
)

SESSIONS = Gauge("sightline_gateway_sessions", "Sessions now, those that wait for their client included.")
OPEN = Gauge("sightline_gateway_open_connections", "WebSockets that are open now.")
CONNECTIONS = Counter(
    "sightline_gateway_connections",
    "WebSockets that were closed, by code.",
    ["code"],
)
FRAMES = Counter(
    "sightline_gateway_frames",
    "Frames from clients, by what came of them.",
    ["trigger", "outcome"],
)
TURNS = Counter("sightline_gateway_turns", "Turns, by what came of them.", ["outcome"])
BYTES = Counter("sightline_gateway_bytes", "Bytes of messages, as they travel.", ["direction"])
ERRORS = Counter("sightline_gateway_errors", "Errors that clients were told, by code.", ["code"])

CODES = frozenset({1000, 1001, 1002, 1003, 1006, 1007, 1008, 1009, 1011, 1012, 1013})


def closed(code: int | None) -> None:
    """Count a connection that is over; a client may have made its code up."""
    CONNECTIONS.labels(str(code) if code in CODES else "other").inc()


def told(message: ServerMessage, taking: Trigger | None) -> None:
    """Count what a message to a client tells.

    Args:
        taking: Trigger of the frame that is being taken in, if any is.
    """
    if isinstance(message, FrameReceived):
        FRAMES.labels(message.trigger_reason, "duplicate" if message.duplicate else "taken").inc()
    elif isinstance(message, ResponseComplete):
        TURNS.labels("interrupted" if message.interrupted else "answered").inc()
    elif isinstance(message, Error):
        ERRORS.labels(message.code).inc()
        if message.code == "turn_failed":
            TURNS.labels("failed").inc()
        elif taking and message.code in ("frame_invalid", "frame_too_large"):
            FRAMES.labels(taking, "refused").inc()
