"""Streams as they should be: created when missing, compared when there, changed only when asked."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from sightline.bus.jetstream import CONSUMER_NOT_FOUND, STREAM_NOT_FOUND, ApiError, JetStream
from sightline.errors import TopologyError
from sightline.topology import Queue, Stream

_SECOND = 1_000_000_000

WAITING = (
    "no such stream, and NATS_CREATE_STREAMS is off: waiting for a room-ingest, a gateway or `sightline init`"
)


@dataclass(frozen=True, slots=True)
class Change:
    """What became of one stream, or of one field of it.

    Attributes:
        action: ``created``, ``verified`` (no difference), ``differs`` (left alone) or ``applied``.
    """

    stream: str
    action: Literal["created", "verified", "differs", "applied"]
    field: str = ""
    wanted: Any = None
    found: Any = None

    def __str__(self) -> str:
        if not self.field:
            return f"{self.stream}: {self.action}"
        return f"{self.stream}.{self.field}: wanted {self.wanted!r}, found {self.found!r}"


async def ensure_streams(
    jetstream: JetStream, streams: Iterable[Stream], apply: bool, create: bool = True
) -> list[Change]:
    """Create what is missing and compare the rest, field by field.

    Args:
        apply: Change streams that differ.
        create: Otherwise one that is missing is an error: the credential may have no right to make it.

    Raises:
        ApiError: A stream is missing.
        TopologyError: The server refused a change (it never changes storage or retention).
    """
    changes: list[Change] = []
    for stream in streams:
        changes += await _ensure_stream(jetstream, stream, apply, create)
    return changes


async def _ensure_stream(jetstream: JetStream, stream: Stream, apply: bool, create: bool) -> list[Change]:
    wanted = _stream_config(stream)
    look = f"STREAM.INFO.{stream.name}"
    try:
        found = (await jetstream.api(look))["config"]
    except ApiError as error:
        if error.err_code != STREAM_NOT_FOUND:
            raise
        if not create:
            raise ApiError(look, {"err_code": STREAM_NOT_FOUND, "description": WAITING}) from error
        await jetstream.api(f"STREAM.CREATE.{stream.name}", wanted)
        return [Change(stream.name, "created")]
    differences = [
        Change(stream.name, "applied" if apply else "differs", field, value, found.get(field, _unset(value)))
        for field, value in wanted.items()
        if found.get(field, _unset(value)) != value
    ]
    if differences and apply:
        await _apply(jetstream, stream, found | wanted)
    return differences or [Change(stream.name, "verified")]


async def _apply(jetstream: JetStream, stream: Stream, config: dict[str, Any]) -> None:
    try:
        await jetstream.api(f"STREAM.UPDATE.{stream.name}", config)
    except ApiError as error:
        raise TopologyError(
            f"{stream.name} cannot be changed in place: {error}. "
            "Delete the stream and run `sightline init` again"
        ) from error


def drift(changes: Iterable[Change]) -> str:
    """The differences in one line; empty when there are none."""
    return "; ".join(str(change) for change in changes if change.action == "differs")


async def ensure_consumer(jetstream: JetStream, queue: Queue) -> str:
    """Create the shared consumer of a work queue, or compare it.

    Returns:
        When it was created, as the server writes it: it changes when somebody deleted it.

    Raises:
        TopologyError: It exists with other settings; ``pull_subscribe(config)`` would keep them in silence.
    """
    wanted = _consumer_config(queue)
    try:
        info = await jetstream.api(f"CONSUMER.INFO.{queue.stream}.{queue.name}")
    except ApiError as error:
        if error.err_code != CONSUMER_NOT_FOUND:
            raise
        info = await jetstream.api(
            f"CONSUMER.CREATE.{queue.stream}.{queue.name}.{queue.filter_subject}",
            {"stream_name": queue.stream, "config": wanted, "action": "create"},
        )
    found = info["config"]
    for field, value in wanted.items():
        if found.get(field, _unset(value)) != value:
            raise TopologyError(
                f"consumer {queue.stream}/{queue.name}, {field}: wanted {value!r}, "
                f"found {found.get(field)!r}. Delete the consumer; it is created again by itself"
            )
    return str(info["created"])


def _unset(value: Any) -> Any:
    """What a field that the server leaves out of its JSON stands for."""
    return type(value)() if isinstance(value, bool | str | int) else None


def _stream_config(stream: Stream) -> dict[str, Any]:
    return {
        "name": stream.name,
        "subjects": list(stream.subjects),
        "storage": stream.storage,
        "retention": stream.retention,
        "discard": stream.discard,
        "discard_new_per_subject": stream.discard_new_per_subject,
        "max_msgs_per_subject": stream.max_msgs_per_subject,
        "max_age": round(stream.max_age * _SECOND),
        "max_bytes": stream.max_bytes,
        "max_msg_size": stream.max_msg_size,
        "duplicate_window": round(stream.duplicate_window * _SECOND),
        "allow_direct": stream.allow_direct,
        "allow_rollup_hdrs": stream.allow_rollup_hdrs,
        "deny_delete": stream.deny_delete,
        "num_replicas": stream.num_replicas,
        "max_consumers": stream.max_consumers,
        # What would bring in, or take away, messages that the subjects say nothing of.
        "mirror": None,
        "sources": None,
        "republish": None,
        "subject_transform": None,
    }


def _consumer_config(queue: Queue) -> dict[str, Any]:
    return {
        "durable_name": queue.name,
        "name": queue.name,
        "filter_subject": queue.filter_subject,
        "ack_policy": "explicit",
        "ack_wait": round(queue.ack_wait * _SECOND),
        "max_deliver": queue.max_deliver,
        "max_ack_pending": queue.max_ack_pending,
    }
