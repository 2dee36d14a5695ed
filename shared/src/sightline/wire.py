"""The wire: frozen pydantic models <-> NATS headers and payload.

CloudEvents 1.0 in its binary mode: attributes as ``ce-`` headers, the payload as it is. Pixels are
bytes, never base64, so any language reads them. A message that does not parse is a DecodeError.
"""

from __future__ import annotations

import json
import uuid
from typing import Annotated, Any, ClassVar, NamedTuple, Self
from urllib.parse import quote, unquote

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from sightline.errors import DecodeError

MAX_NAME = 20_000
"""Bytes of a name in a header. A track has three, and JetStream takes 64 KB of headers."""

_SAFE = ":/+;,=@()"


def _fits_headers(name: str) -> str:
    size = len(_to_header({"": name}))
    if size > MAX_NAME:
        raise ValueError(f"a name takes at most {MAX_NAME:,} bytes in a header, this one {size:,}")
    return name


# Header values: nothing here needs the percent-encoding that CloudEvents has for the rest.
Id = Annotated[str, StringConstraints(pattern=r"^[!#$&-~]{1,128}$")]
ContentType = Annotated[str, StringConstraints(pattern=r"^[!#$&-~]{0,128}$")]
# Part of subjects as it is, so one token.
Stage = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{0,64}$")]
Name = Annotated[str, StringConstraints(max_length=MAX_NAME), AfterValidator(_fits_headers)]


class Wire(NamedTuple):
    """A message as the bus carries it."""

    headers: dict[str, str]
    payload: bytes


class Message(BaseModel):
    """Base of everything on the bus. ``TYPE`` is its CloudEvents type."""

    model_config = ConfigDict(frozen=True)

    TYPE: ClassVar[str]

    id: Id = Field(default_factory=lambda: uuid.uuid4().hex)

    @property
    def subject(self) -> str:
        """Where this message is published."""
        raise TypeError(f"{type(self).__name__} has no subject of its own")

    def to_wire(self) -> Wire:
        headers = {**self._envelope(), "content-type": "application/json"}
        return Wire(headers, self.model_dump_json(exclude={"id"}).encode())

    @classmethod
    def from_wire(cls, wire: Wire) -> Self:
        """Parse what came from the bus.

        Raises:
            DecodeError: It is of another type, or lacks something, or is no message at all.
        """
        headers, payload = wire
        cls._check_type(headers)
        try:
            data = _json_object(payload)
            return cls.model_validate({**data, "id": headers["ce-id"]})
        except (ValueError, KeyError, RecursionError) as error:
            raise DecodeError(f"not a {cls.TYPE}: {_brief(error)}", payload) from error

    def _envelope(self) -> dict[str, str]:
        return {"ce-specversion": "1.0", "ce-type": self.TYPE, "ce-id": self.id, "ce-source": "sightline"}

    @classmethod
    def _check_type(cls, headers: dict[str, str]) -> None:
        found = headers.get("ce-type", "nothing")
        if found != cls.TYPE:
            raise DecodeError(f"expected a message of type {cls.TYPE}, got {found[:80]!r}")


class BinaryMessage(Message):
    """A message whose payload is a picture, or nothing, and whose fields are headers.

    Plain fields are percent-encoded text, as CloudEvents has it; nested ones are ASCII JSON without
    ``%``, which percent-decoding leaves alone. Empty fields are left out.
    """

    content_type: ContentType = ""

    def to_wire(self) -> Wire:
        fields = self.model_dump(mode="json", exclude={"id", "data"}, exclude_none=True)
        values = {_header(name): _to_header(value) for name, value in fields.items() if value != ""}
        return Wire(self._envelope() | values, getattr(self, "data", b""))

    @classmethod
    def from_wire(cls, wire: Wire) -> Self:
        headers, payload = wire
        cls._check_type(headers)
        try:
            fields = {
                name: _from_header(headers[_header(name)])
                for name in cls.model_fields
                if _header(name) in headers
            }
            return cls.model_validate(fields | {"id": headers["ce-id"], "data": payload})
        except (ValueError, KeyError, RecursionError) as error:
            raise DecodeError(f"not a {cls.TYPE}: {_brief(error)}", payload) from error


def _header(field: str) -> str:
    """The header of a field. CloudEvents attribute names are lower-case letters and digits."""
    special = {"captured_at": "ce-time", "content_type": "content-type"}
    return special.get(field, f"ce-{field.replace('_', '')}")


def _to_header(value: Any) -> str:
    if isinstance(value, dict):
        return json.dumps(value).replace("%", "\\u0025")
    return quote(str(value), safe=_SAFE)


def _from_header(value: str) -> Any:
    return json.loads(value) if value.startswith("{") else unquote(value)


def _json_object(payload: bytes) -> dict[str, Any]:
    data = json.loads(payload)
    if not isinstance(data, dict):
        raise ValueError(f"expected a JSON object, got {type(data).__name__}")
    return data


def _brief(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors(include_url=False, include_input=False)[0]
        return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    return f"{type(error).__name__}: {error}"[:300]
