"""What the gateway says."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, TypeAdapter

from sightline.messages import Trigger
from sightline_gateway.protocol.parts import Milliseconds, Part, SessionId


class _FromServer(Part):
    model_config = ConfigDict(extra="forbid")


class Config(Part):
    """What of a session can be changed while it lasts (``VideoSession.update_config``)."""

    max_context_frames: int = Field(10, ge=1, le=100, description="Frames that the frame context holds.")
    timer_interval: float = Field(
        3.0, ge=0, le=3_600, description="Seconds between `timer` requests; 0 asks for none."
    )
    speech: bool = Field(True, description="Replies are spoken to clients that can hear.")


class SessionInit(_FromServer):
    """On connection, and as the answer to ``client_ready``."""

    type: Literal["session_init"] = "session_init"
    session_id: SessionId
    resume_key: str = Field(repr=False, description="To take the session up again on another connection.")
    resumed: bool = False
    config: Config = Config()


class CaptureFrame(_FromServer):
    """Send a frame now."""

    type: Literal["capture_frame"] = "capture_frame"
    reason: Trigger
    timestamp: Milliseconds


class Dimensions(Part):
    width: int
    height: int


class FrameReceived(_FromServer):
    """A frame was taken."""

    type: Literal["frame_received"] = "frame_received"
    sequence: int
    timestamp: Milliseconds
    trigger_reason: Trigger
    size: int = Field(description="Bytes of the encoded picture.")
    dimensions: Dimensions
    frame_hash: str
    duplicate: bool = Field(False, description="It is the frame before it, byte for byte.")


class FrameAck(_FromServer):
    """The same, as the VideoAgent says it."""

    type: Literal["frame_ack"] = "frame_ack"
    sequence: int
    timestamp: Milliseconds


class TranscriptionResult(_FromServer):
    """What was heard in ``audio``."""

    type: Literal["transcription_result"] = "transcription_result"
    text: str
    language: str | None = None


class TextDelta(_FromServer):
    """A piece of the reply, as the model writes it."""

    type: Literal["text_delta"] = "text_delta"
    id: str = Field(description="The same for all pieces of one reply.")
    text: str


class Text(_FromServer):
    """A whole message of the conversation: the user's as it became a turn, the reply once it is over."""

    type: Literal["text"] = "text"
    role: Literal["user", "assistant"]
    text: str
    id: str = ""
    interrupted: bool = False


class FrameCount(Part):
    frame_count: int
    last_frame_sequence: int


class ResponseComplete(_FromServer):
    """A reply is over."""

    type: Literal["response_complete"] = "response_complete"
    text: str
    session_id: SessionId
    frame_context: FrameCount | None = None
    interrupted: bool = False


class ToolCall(_FromServer):
    """The model called a tool."""

    type: Literal["tool_call"] = "tool_call"
    tool_name: str
    tool_call_id: str
    input: Any = None


class ToolResult(_FromServer):
    """What the tool answered."""

    type: Literal["tool_result"] = "tool_result"
    name: str
    tool_call_id: str
    result: Any = None


class SpeechStreamStart(_FromServer):
    """Speech follows."""

    type: Literal["speech_stream_start"] = "speech_stream_start"


class AudioChunk(_FromServer):
    """A piece of speech that can be played by itself, in order of ``chunkId``."""

    type: Literal["audio_chunk"] = "audio_chunk"
    chunk_id: int = Field(ge=0)
    data: str = Field("", repr=False, description="Base64; empty in a binary message.")
    format: str
    text: str = ""


class SpeechStreamEnd(_FromServer):
    """All of it was sent."""

    type: Literal["speech_stream_end"] = "speech_stream_end"


class SpeechInterrupted(_FromServer):
    """Stop playing, and forget what was sent."""

    type: Literal["speech_interrupted"] = "speech_interrupted"
    reason: str


class ConfigChanged(_FromServer):
    """The session's settings, after a change."""

    type: Literal["config_changed"] = "config_changed"
    config: Config


ErrorCode = Literal[
    "bad_message",
    "unauthorized",
    "wrong_order",
    "session_unknown",
    "frame_too_large",
    "frame_invalid",
    "rate_limited",
    "audio_invalid",
    "audio_too_large",
    "speech_unavailable",
    "turn_failed",
    "busy",
    "internal",
]


class Error(_FromServer):
    """Something was not taken. The session lives on, unless the connection is closed after it."""

    type: Literal["error"] = "error"
    code: ErrorCode
    message: str
    sequence: int | None = Field(None, description="Of the frame that it is about, where it is about one.")


ServerMessage = Annotated[
    SessionInit
    | CaptureFrame
    | FrameReceived
    | FrameAck
    | TranscriptionResult
    | TextDelta
    | Text
    | ResponseComplete
    | ToolCall
    | ToolResult
    | SpeechStreamStart
    | AudioChunk
    | SpeechStreamEnd
    | SpeechInterrupted
    | ConfigChanged
    | Error,
    Field(discriminator="type"),
]
from_server: TypeAdapter[ServerMessage] = TypeAdapter(ServerMessage)
