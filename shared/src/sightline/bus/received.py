"""A message as it came from the bus."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, TypeVar

from nats.aio.msg import Msg

from sightline.errors import DecodeError
from sightline.log import get_logger
from sightline.messages import Message, Wire

log = get_logger()

M_co = TypeVar("M_co", bound=Message, covariant=True)


@dataclass(frozen=True, slots=True)
class Received(Generic[M_co]):
    """One message from a stream.

    Attributes:
        at: When the stream stored it, on the bus's clock.
        headers: As they came; they carry the trace context.
        sequence: Its number in the stream; 0 of one that was got directly.
    """

    message: M_co
    at: datetime
    subject: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    sequence: int = 0


def parse(types: tuple[type[M_co], ...], headers: Mapping[str, str] | None, payload: bytes) -> M_co:
    """The message, as the first of the classes whose type it has.

    Raises:
        DecodeError: It is none of them, or does not parse.
    """
    wire = Wire(dict(headers or {}), payload)
    came = wire.headers.get("ce-type", "")
    for candidate in types:
        if came == candidate.TYPE:
            return candidate.from_wire(wire)
    expected = " or ".join(candidate.TYPE for candidate in types)
    raise DecodeError(f"expected {expected}, got a message of type {came[:80]!r}", payload)


def parse_stored(
    types: tuple[type[M_co], ...], subject: str, headers: Mapping[str, str] | None, payload: bytes
) -> M_co:
    """The message that a stream holds on a subject, which speaks of itself as of that subject.

    Who may publish where is all that NATS knows of rights: a worker that may publish captions of its own
    stage must not speak for another one, or of another room, in what it writes there.

    Raises:
        DecodeError: It does not parse, or it does not belong there.
    """
    copied = (headers or {}).get("Nats-Subject")
    if copied is not None:
        # Anybody who may get a message may name any subject for the answer, another stream's, too.
        raise DecodeError(
            f"expected a message published on {subject}, got a copy from {copied[:200]}", payload
        )
    message = parse(types, headers, payload)
    if _own_subject(message) != subject:
        raise DecodeError(f"expected a message of {subject}, got one that is about another subject", payload)
    return message


def delivered(stream: str, types: tuple[type[Message], ...], message: Msg) -> Received[Any] | None:
    """What a consumer delivered; None, with a warning, if it does not belong there."""
    try:
        parsed = parse_stored(types, message.subject, message.headers, message.data)
    except DecodeError as error:
        log.warning("message_skipped", stream=stream, reason=str(error))
        return None
    about = message.metadata
    return Received(parsed, about.timestamp, message.subject, message.headers or {}, about.sequence.stream)


def _own_subject(message: Message) -> str:
    try:
        return message.subject
    except (AssertionError, AttributeError, TypeError):
        return ""  # it does not say what it is about
