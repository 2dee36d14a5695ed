"""What a client says."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field, TypeAdapter

from sightline.messages import Trigger
from sightline_gateway.protocol.parts import MAX_SESSION_ID, Milliseconds, Part, SessionId

MAX_TEXT = 8_000
"""Characters of one transcript."""


class _FromClient(Part):
    # Clients of newer or other versions may say more.
    model_config = ConfigDict(extra="ignore")


class Capabilities(Part):
    """What a client has. Unknown ones are kept for whoever hosts the session."""

    model_config = ConfigDict(extra="allow")

    video: bool = True
    audio: bool = False
    binary: bool = Field(False, description="It takes audio chunks as binary messages.")


class Authenticate(_FromClient):
    """The first message of a client that gave no token as a subprotocol."""

    type: Literal["authenticate"] = "authenticate"
    token: str = Field(min_length=1, max_length=4_096, repr=False)


class ClientReady(_FromClient):
    """What the client can do; and, to name its session or to take it up again, which one it is."""

    type: Literal["client_ready"] = "client_ready"
    capabilities: Capabilities = Capabilities()
    session_id: SessionId | None = None
    resume_key: str | None = Field(None, max_length=128, repr=False, description="As `session_init` gave it.")


class Image(Part):
    """A picture. Its true size and format are read from its bytes."""

    data: str = Field("", repr=False, description="Base64; empty in a binary message.")
    format: Literal["webp", "jpeg", "png"] = "webp"
    width: int = Field(640, ge=1, description="Pixels.")
    height: int = Field(480, ge=1, description="Pixels.")


class VideoFrame(_FromClient):
    """One picture of the client's camera, and why it was taken."""

    type: Literal["video_frame"] = "video_frame"
    session_id: str | None = Field(None, max_length=MAX_SESSION_ID)
    sequence: int = Field(0, ge=0)
    timestamp: Milliseconds = 0
    trigger_reason: Trigger = Trigger.TIMER
    previous_frame_ref: str | None = Field(
        None, max_length=128, description="`frameHash` of the frame before it, as `frame_received` told it."
    )
    image: Image


class Transcript(_FromClient):
    """What the user said or typed: a turn."""

    type: Literal["transcript"] = "transcript"
    text: str = Field(min_length=1, max_length=MAX_TEXT)


class Audio(_FromClient):
    """What the user said, as one whole recording: a turn."""

    type: Literal["audio"] = "audio"
    data: str = Field("", repr=False, description="Base64; empty in a binary message.")
    format: str = Field("unknown", max_length=40, description="A hint; the bytes tell.")
    sample_rate: int | None = Field(None, ge=8_000, le=192_000, description="Hz; for `pcm16` only.")


class Interrupt(_FromClient):
    """The reply in progress is not wanted any more."""

    type: Literal["interrupt"] = "interrupt"
    reason: str = Field("client_request", max_length=200)


ClientMessage = Annotated[
    Authenticate | ClientReady | VideoFrame | Transcript | Audio | Interrupt, Field(discriminator="type")
]
from_client: TypeAdapter[ClientMessage] = TypeAdapter(ClientMessage)
