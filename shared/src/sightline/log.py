"""Logs: structlog, JSON for machines, a console for people.

Nothing here shows what a camera saw: no pixels and no captions at info level or above. Names of rooms
and people are told as ids there, by which the lines about one room are found all the same.
"""

from __future__ import annotations

import hashlib
import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

from sightline.config import ServiceSettings
from sightline.subjects import ROOT, token

_NAMES = frozenset({"room", "room_name", "participant", "participant_identity", "identity"})
_PERSONAL = "lk.pii."
"""What LiveKit's libraries put before the names of fields that tell of people."""

_WITHIN = frozenset({"job", "job_request"})
"""What they log whole, with names inside."""

_ROOM = re.compile(r'(?<=\broom )"((?:[^"\\]|\\.)*)"')
"""As they write it in a sentence."""

_SUBJECT = re.compile(
    rf"(\b{ROOT}\.(?:(?:frames|images|captions|control|rooms|turns)|work\.[\w-]+\.\w+|dead\.[\w-]+))"
    r"\.([\w~-]+)(?:\.([\w~-]+))?"
)
"""What is known of whom: the first two tokens after the kind are a room's and a participant's."""


def get_logger() -> Any:
    """A logger that takes an event name and fields: ``log.info("frame_published", trigger="timer")``."""
    return structlog.get_logger()


def name_id(name: str) -> str:
    """How logs call a room or a participant: eight digits, the same in every service."""
    return _id(token(name))


def _without_names(
    _logger: object, _method: str, entry: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """A processor: from info on, names are told as ids."""
    if entry.get("level") == "debug":
        return entry
    for key, value in list(entry.items()):
        if key in _WITHIN:
            del entry[key]
        elif isinstance(value, str):
            is_name = key in _NAMES or key.startswith(_PERSONAL)
            entry[key] = name_id(value) if is_name else _without_names_inside(value)
    return entry


def _without_names_inside(text: str) -> str:
    return _ROOM.sub(lambda room: name_id(room[1]), _SUBJECT.sub(_of_ids, text))


def _of_ids(subject: re.Match[str]) -> str:
    kind, *tokens = (each for each in subject.groups() if each)
    return ".".join([kind, *map(_id, tokens)])


def _id(of_token: str) -> str:
    return hashlib.blake2s(of_token.encode(), digest_size=4).hexdigest()


def configure(settings: ServiceSettings, service: str) -> None:
    """Send everything, that of libraries too, to stderr in one format."""
    as_json = settings.log_format == "json" or (settings.log_format == "auto" and not sys.stderr.isatty())
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    renderers: list[Any] = (
        [structlog.processors.format_exc_info, _without_names, structlog.processors.JSONRenderer()]
        if as_json
        else [
            _without_names,
            structlog.dev.ConsoleRenderer(
                colors=sys.stderr.isatty(),
                # The default shows the values of local variables: pixels, captions and keys.
                exception_formatter=structlog.dev.plain_traceback,
            ),
        ]
    )
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.ExtraAdder()],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderers],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.log_level.upper())
    # Theirs at info are one line per request: not what the reader of our log looks for.
    for name in ("httpx", "httpcore", "httpx2", "httpcore2", "nats", "aiohttp.access"):
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))
    structlog.contextvars.bind_contextvars(service=service)
