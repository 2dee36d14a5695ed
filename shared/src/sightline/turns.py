"""The record of one agent turn: what the model was sent, what was shown to it, what it cost."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from sightline import subjects
from sightline.wire import Message, Name


class Shown(BaseModel):
    """One caption or image that a turn was shown.

    Attributes:
        age: Seconds since the scene was last known to look like this, as the turn began, on the
            bus's clock.
        past: It was given as something that was seen earlier, not as what is in view.
    """

    model_config = ConfigDict(frozen=True)

    kind: Literal["caption", "image"]
    participant: Name
    track: Name
    source: str = Field(description="`camera`, `screen` or `other`.")
    sequence: int = Field(description="Of the frame that it is about.")
    trigger: str = Field(description="Why that frame was sampled.")
    age: float
    past: bool = False
    stage: str = Field("", description="Of a caption.")
    model: str = Field("", description="Of a caption.")
    text: str = Field("", description="Of a caption, as the model was shown it.")
    profile: str = Field("", description="Of an image.")


class TurnRecord(Message):
    """One turn of an agent, on ``sightline.turns.<room>``.

    Attributes:
        messages: What the language model was sent, oldest first, in the form of OpenAI's chat
            completions; the pixels of images are left out.
        messages_left_out: How many of the oldest messages are missing, because the record would
            not fit into one message of the bus.
        blind: Why the agent could not see, where it could not; the bus was away, for example.
        first_token: Seconds until the model began to answer; None: it did not.
        seconds: How long the whole answer took.
    """

    TYPE: ClassVar[str] = "sightline.turn.v1"

    room: Name
    question: str = ""
    mode: str = ""
    messages: tuple[dict[str, Any], ...] = ()
    messages_left_out: int = 0
    shown: tuple[Shown, ...] = ()
    blind: str = ""
    model: str = ""
    reply: str = ""
    error: str = ""
    first_token: float | None = None
    seconds: float = 0.0
    prompt_tokens: int = 0
    completion_tokens: int = 0

    @property
    def subject(self) -> str:
        return subjects.turns(self.room)
