"""The record of one agent turn: what the model was sent, what was shown to it, what it cost."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from sightline import subjects
from sightline.wire import Message, Name

Kind = Literal["caption", "image"]

Reason = Literal["too_old", "too_many", "over_budget", "not_showable"]
"""Why something that is known was not shown: it is not what is in view any more; there is more of its
kind than is shown; the estimate of tokens would be exceeded; no model takes it."""


class Shown(BaseModel):
    """One caption or image that a turn was shown.

    Attributes:
        age: Seconds since the scene was last known to look like this, as the turn began, on the
            bus's clock.
        past: It was given as something that was seen earlier, not as what is in view.
    """

    model_config = ConfigDict(frozen=True)

    kind: Kind
    id: str = Field("", description="Of the caption's or image's own message.")
    frame: str = Field("", description="Id of the frame that it is about.")
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
    tokens: int = Field(0, description="What it costs, estimated.")


class LeftOut(BaseModel):
    """One caption or image that was known and not shown, and why."""

    model_config = ConfigDict(frozen=True)

    kind: Kind
    id: str = ""
    participant: Name
    track: Name
    source: str
    sequence: int
    age: float
    reason: Reason


class TurnRecord(Message):
    """One turn of an agent, on ``sightline.turns.<room>``.

    Attributes:
        messages: What the language model was sent, oldest first, in the form of OpenAI's chat
            completions; the pixels of images are left out.
        messages_left_out: How many of the oldest messages are missing, because the record would
            not fit into one message of the bus.
        blind: Why the agent could not see, where it could not; the bus was away, for example.
        begun_by: Whose words the turn answers: the `user`'s, or nobody's, where the `agent` began it.
        continues: It is the same turn again, with what its tools answered; shown as before.
        mode: What the turn was shown.
        waited: Seconds that the turn waited for the caption of the frame that was asked for as the
            user began to speak.
        wait: What came of that: `none` was needed, it `came`, or it was too `late` and the turn went on.
        added: Seconds that seeing added to the turn, the waiting included.
        view_tokens: What is in view costs the model so much, estimated.
        left_out: What was known and not shown.
        first_token: Seconds until the model began to answer; None: it did not.
        seconds: How long the whole answer took.
    """

    TYPE: ClassVar[str] = "sightline.turn.v1"

    room: Name
    question: str = ""
    begun_by: Literal["user", "agent"] = "user"
    continues: bool = False
    mode: str = ""
    waited: float = 0.0
    wait: Literal["none", "came", "late"] = "none"
    added: float = 0.0
    view_tokens: int = 0
    left_out: tuple[LeftOut, ...] = ()
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
