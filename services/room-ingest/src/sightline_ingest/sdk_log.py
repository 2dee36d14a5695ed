"""Keeps the log of LiveKit's library in the library, but for its errors, which it writes to stderr.

Its SDK has it hand over each line, those that are for debugging WebRTC as well: hundreds a second for
each room. They wait in memory, without a limit, until Python has thrown them away: on a machine that is
busy the process grows by megabytes a minute.
"""

from __future__ import annotations

import logging

from livekit.rtc import __version__
from livekit.rtc._ffi_client import FfiClient, ffi_event_callback


def quiet() -> None:
    """Do not hand them over, in this process. Loads the library; harmless to call again."""
    FfiClient.instance._ffi_lib.livekit_ffi_initialize(
        ffi_event_callback, False, b"python", __version__.encode("ascii")
    )


def pass_over_data() -> None:
    """Do not log what agents send to everybody in their room: a line for each packet that nobody reads here.

    The SDK writes these with the root logger, which nothing else of ours logs with by itself.
    """
    logging.getLogger().addFilter(_is_worth_a_line)


def _is_worth_a_line(record: logging.LogRecord) -> bool:
    return record.levelno > logging.INFO
