"""What travels on the bus: frozen pydantic models <-> NATS headers and payload.

CloudEvents 1.0 in its binary mode: attributes as ``ce-`` headers, the payload as it is. Pixels are
bytes, never base64, so any language reads them. A message that does not parse is a DecodeError.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from enum import StrEnum
from functools import cached_property
from typing import Annotated, Any, ClassVar, NamedTuple, Self
from urllib.parse import quote, unquote

import numpy as np
from numpy.typing import NDArray
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from sightline import imaging, subjects
from sightline.errors import DecodeError

MAX_TEXT = 8_000
"""Characters of a caption that are kept."""

Pixels = NDArray[np.uint8]
_SAFE = " :/+;,=@()"
Name = Annotated[str, StringConstraints(max_length=16_384)]


class Wire(NamedTuple):
    """A message as the bus carries it."""

    headers: dict[str, str]
    payload: bytes


class Trigger(StrEnum):
    """Why a frame was sampled."""

    INITIAL = "initial"
    TIMER = "timer"
    SCENE_CHANGE = "scene_change"
    USER_REQUEST = "user_request"


class Lane(StrEnum):
    """Tickets of the urgent lane have someone waiting for them."""

    URGENT = "urgent"
    ROUTINE = "routine"

    @classmethod
    def of(cls, trigger: Trigger) -> Lane:
        return cls.URGENT if trigger is Trigger.USER_REQUEST else cls.ROUTINE


class Source(StrEnum):
    """What a track shows."""

    CAMERA = "camera"
    SCREEN = "screen"
    OTHER = "other"


class Track(BaseModel):
    """One video stream. True names, as LiveKit knows them."""

    model_config = ConfigDict(frozen=True)

    room: Name
    participant: Name = Field(description="The participant's identity, verified by the server.")
    id: Name = Field(description="Unique in the room.")
    source: Source = Source.CAMERA


class Message(BaseModel):
    """Base of everything on the bus. ``TYPE`` is its CloudEvents type."""

    model_config = ConfigDict(frozen=True)

    TYPE: ClassVar[str]

    id: str = Field(default_factory=lambda: uuid.uuid4().hex)

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

    Plain fields are percent-encoded text, as CloudEvents has it; nested ones are ASCII JSON.
    """

    content_type: str = ""

    def to_wire(self) -> Wire:
        fields = self.model_dump(mode="json", exclude={"id", "data", "content_type"}, exclude_none=True)
        headers = self._envelope() | {"content-type": self.content_type or "application/octet-stream"}
        for name, value in fields.items():
            headers[_header(name)] = (
                json.dumps(value) if isinstance(value, dict) else quote(str(value), safe=_SAFE)
            )
        return Wire(headers, getattr(self, "data", b""))

    @classmethod
    def from_wire(cls, wire: Wire) -> Self:
        headers, payload = wire
        cls._check_type(headers)
        try:
            fields: dict[str, Any] = {
                name: _header_value(headers[_header(name)])
                for name in cls.model_fields
                if _header(name) in headers
            }
            fields |= {"content_type": headers.get("content-type", ""), "data": payload}
            return cls.model_validate(fields)
        except ValueError as error:
            raise DecodeError(f"not a {cls.TYPE}: {_brief(error)}", payload) from error


class FrameInfo(BinaryMessage):
    """A frame without its pixels: what captions and images carry of the frame that they are about.

    Attributes:
        sequence: Grows by one per frame of a track, also across restarts of the source.
        captured_at: When the picture was taken, on the bus's clock (``Bus.now``), so that ages are
            right on hosts whose clocks differ.
        unchanged_since: The sequence of the first frame that showed this same scene, when this one
            shows nothing new: captions from there on still hold.
        content_hash: 128 bits of SHA-256 of the encoded picture, in hexadecimal.
    """

    TYPE: ClassVar[str] = "sightline.frame.v1"

    track: Track
    sequence: int = Field(ge=1)
    captured_at: AwareDatetime
    trigger: Trigger
    width: int = Field(ge=1, description="Pixels.")
    height: int = Field(ge=1, description="Pixels.")
    content_type: str = "image/jpeg"
    content_hash: str = ""
    unchanged_since: int | None = None

    @property
    def subject(self) -> str:
        return subjects.frame(self.track)


class Frame(FrameInfo):
    """One sampled picture of a track.

    Attributes:
        data: The encoded picture, JPEG unless ``content_type`` says otherwise.
    """

    data: bytes = Field(min_length=1, repr=False)

    @cached_property
    def pixels(self) -> Pixels:
        """The decoded picture: height × width × 3, uint8, RGB.

        Raises:
            DecodeError: The bytes are no picture, are cut short, or are too many pixels.
        """
        return imaging.decode(self.data)

    @cached_property
    def info(self) -> FrameInfo:
        """This frame without its pixels."""
        return FrameInfo.model_validate(self.model_dump(exclude={"data"}))

    @staticmethod
    def hash_of(data: bytes) -> str:
        return hashlib.sha256(data).hexdigest()[:32]


class TrackEnded(BinaryMessage):
    """Takes the place of a track's newest frame when the track is over: nothing is in view now."""

    TYPE: ClassVar[str] = "sightline.track_ended.v1"

    track: Track
    sequence: int = Field(ge=1)

    @property
    def subject(self) -> str:
        return subjects.frame(self.track)


class Caption(Message):
    """Text about one frame, with optional structured data.

    A worker sets ``text`` and whatever it knows of ``data``, ``model`` and ``prompt``; the runner
    adds ``frame`` and ``stage``.
    """

    TYPE: ClassVar[str] = "sightline.caption.v1"

    text: str = Field(max_length=MAX_TEXT)
    data: dict[str, Any] | None = None
    model: str = Field("", max_length=200, description="What wrote it; `offline` is no model at all.")
    prompt: str = Field("", max_length=2_000)
    stage: str = ""
    frame: FrameInfo | None = None
    seconds: float = Field(0.0, ge=0, description="How long the worker took.")

    @property
    def subject(self) -> str:
        assert self.frame is not None, "the runner sets the frame before publishing"
        return subjects.caption(self.frame.track, self.stage)


class EncodedImage(BinaryMessage):
    """One frame, re-encoded to a profile. A worker sets everything but ``frame``."""

    TYPE: ClassVar[str] = "sightline.image.v1"

    profile: str = Field(min_length=1, max_length=100)
    width: int = Field(ge=1, description="Pixels.")
    height: int = Field(ge=1, description="Pixels.")
    frame: FrameInfo | None = None
    data: bytes = Field(min_length=1, repr=False)

    @property
    def subject(self) -> str:
        assert self.frame is not None, "the runner sets the frame before publishing"
        return subjects.image(self.frame.track, self.profile)


class Ticket(Message):
    """This track has a newer frame for this stage. Carries no pixels."""

    TYPE: ClassVar[str] = "sightline.ticket.v1"

    stage: str
    lane: Lane
    track: Track
    sequence: int = Field(ge=1)

    @property
    def subject(self) -> str:
        return subjects.work(self.stage, self.lane, self.track)


class DeadLetter(Message):
    """Work that was given up on, and why. No pixels."""

    TYPE: ClassVar[str] = "sightline.dead.v1"

    stage: str
    work_subject: str
    reason: str = Field(max_length=2_000)
    error: str = Field(description="The error's class.")
    attempts: int
    frame: FrameInfo | None = None

    @property
    def subject(self) -> str:
        return subjects.dead(self.stage, self.work_subject)


class RoomWanted(Message):
    """A room wants eyes. Publishing it again is free and harmless."""

    TYPE: ClassVar[str] = "sightline.room.v1"

    room: Name
    requested_by: str = ""

    @property
    def subject(self) -> str:
        return subjects.room(self.room)


class CaptureRequest(Message):
    """Publish a frame of this participant now.

    Attributes:
        reason: Why, for the log.
        deadline: Seconds after which nobody waits for it any more.
    """

    TYPE: ClassVar[str] = "sightline.capture.v1"

    room: Name
    participant: Name
    reason: str = Field("", max_length=200)
    deadline: float = Field(1.0, gt=0, le=30)

    @property
    def subject(self) -> str:
        return subjects.capture(self.room, self.participant)


class CaptureReply(Message):
    """The frames that a capture request made, one per video track; ``error`` when there is none."""

    TYPE: ClassVar[str] = "sightline.captured.v1"

    frames: tuple[FrameInfo, ...] = ()
    error: str = ""


class Speaking(Message):
    """A participant began or stopped to speak, as the agent heard it."""

    TYPE: ClassVar[str] = "sightline.speaking.v1"

    room: Name
    participant: Name
    speaking: bool

    @property
    def subject(self) -> str:
        return subjects.speaking(self.room, self.participant)


class Question(Message):
    """A question about a track's newest frame."""

    TYPE: ClassVar[str] = "sightline.question.v1"

    track: Track
    question: str = Field(min_length=1, max_length=2_000)


class Answer(Message):
    """What a stage answered; ``error`` instead of ``text`` when it could not."""

    TYPE: ClassVar[str] = "sightline.answer.v1"

    text: str = Field("", max_length=MAX_TEXT)
    error: str = ""
    frame: FrameInfo | None = None


def _header(field: str) -> str:
    """The header of a field. CloudEvents attribute names are lower-case letters and digits."""
    return "ce-time" if field == "captured_at" else f"ce-{field.replace('_', '')}"


def _header_value(value: str) -> Any:
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
