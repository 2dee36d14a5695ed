"""Why a connection is closed, and with which code."""

from __future__ import annotations

from aiohttp import WSCloseCode

from sightline_gateway.protocol import Error, ErrorCode


class Closing(Exception):  # noqa: N818 - it is an end, not always an error
    """Ends a connection.

    Attributes:
        code: Of the close frame (RFC 6455): 1000 done, 1001 the server goes away, 1007 bad data, 1008 a rule
            is broken, 1009 too big, 1011 a failure of ours, 1013 try again later.
        reason: Of the close frame, at most 123 bytes.
        error: Is sent before it.
    """

    def __init__(self, code: int, reason: str, error: Error | None = None) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason.encode()[:123].decode(errors="ignore")
        self.error = error


def broken_rule(code: ErrorCode, message: str) -> Closing:
    """The client did what it must not; trying again the same way is of no use."""
    return Closing(WSCloseCode.POLICY_VIOLATION, code, Error(code=code, message=message))


def bad_data(message: str) -> Closing:
    """The client does not speak this protocol."""
    return Closing(WSCloseCode.INVALID_TEXT, "bad_message", Error(code="bad_message", message=message))


def later(message: str) -> Closing:
    """There is no room; it may work in a moment."""
    return Closing(WSCloseCode.TRY_AGAIN_LATER, message[:100], Error(code="busy", message=message))


def going_away() -> Closing:
    """The gateway ends."""
    return Closing(WSCloseCode.GOING_AWAY, "the gateway is stopping: connect again")


def too_slow() -> Closing:
    """The client does not read."""
    return Closing(WSCloseCode.TRY_AGAIN_LATER, "too slow to read what it is sent")
