"""What all messages of the protocol are made of."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

MAX_SESSION_ID = 128


class Part(BaseModel):
    """A message, or a part of one: camelCase on the wire."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, frozen=True)


SessionId = Annotated[str, Field(min_length=1, max_length=MAX_SESSION_ID)]
Milliseconds = Annotated[int, Field(ge=0, description="Since 1970, on the sender's clock.")]
