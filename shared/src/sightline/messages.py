"""What travels on the bus, message by message. How it travels is in ``sightline.wire``."""

from __future__ import annotations

import hashlib
from enum import StrEnum
from functools import cached_property
from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field
from pydantic_core import to_json

from sightline import imaging, subjects
from sightline.turns import LeftOut as LeftOut, Shown as Shown, TurnRecord as TurnRecord
from sightline.wire import (
    BinaryMessage as BinaryMessage,
    ContentType,
    Message as Message,
    Name,
    Stage,
    Wire as Wire,
)

MAX_TEXT = 8_000
"""Characters of a caption that are kept."""

Pixels = NDArray[np.uint8]


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
    content_type: ContentType = Field("image/jpeg", min_length=1)
    content_hash: str = Field("", max_length=128)
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

    def __eq__(self, other: object) -> bool:
        # Pydantic's would compare the cached pixels, too, which arrays do not do with `==`.
        return isinstance(other, Frame) and (self.info, self.data) == (other.info, other.data)

    __hash__ = FrameInfo.__hash__

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


def _is_json(data: dict[str, Any]) -> dict[str, Any]:
    to_json(data)
    return data


class Caption(Message):
    """Text about one frame, with optional structured data.

    A worker sets ``text`` and whatever it knows of ``data``, ``model`` and ``prompt``; the runner
    adds ``frame`` and ``stage``.
    """

    TYPE: ClassVar[str] = "sightline.caption.v1"

    text: str = Field(max_length=MAX_TEXT)
    data: Annotated[dict[str, Any], AfterValidator(_is_json)] | None = None
    model: str = Field("", max_length=200, description="What wrote it; `offline` is no model at all.")
    prompt: str = Field("", max_length=2_000)
    stage: Stage = ""
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

    stage: Stage = Field(min_length=1)
    lane: Lane
    track: Track
    sequence: int = Field(ge=1)

    @property
    def subject(self) -> str:
        return subjects.work(self.stage, self.lane, self.track)


class DeadLetter(Message):
    """Work that was given up on, and why. No pixels."""

    TYPE: ClassVar[str] = "sightline.dead.v1"

    stage: Stage = Field(min_length=1)
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
        if_changed: Have it described only where the scene is another than the one described last. A
            frame of the same scene confirms it, and costs no call of a model.
    """

    TYPE: ClassVar[str] = "sightline.capture.v1"

    room: Name
    participant: Name
    reason: str = Field("", max_length=200)
    deadline: float = Field(1.0, gt=0, le=30)
    if_changed: bool = False

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
