"""What a client and the gateway say to each other, message by message.

The names are those of the VideoAgent of voice-agent-ai-sdk, whose clients connect unchanged; what it
does not have (``authenticate``, resuming, binary messages) is optional. JSON in text messages; or, for
those who care about the third that base64 adds, a binary message: one line of JSON, the same but
without the data, and the data behind it (``sightline_gateway.protocol.binary``).
"""

from sightline_gateway.protocol.client_messages import (
    MAX_TEXT as MAX_TEXT,
    Audio as Audio,
    Authenticate as Authenticate,
    Capabilities as Capabilities,
    ClientMessage as ClientMessage,
    ClientReady as ClientReady,
    Image as Image,
    Interrupt as Interrupt,
    Transcript as Transcript,
    VideoFrame as VideoFrame,
    from_client as from_client,
)
from sightline_gateway.protocol.parts import (
    MAX_SESSION_ID as MAX_SESSION_ID,
    Milliseconds as Milliseconds,
    SessionId as SessionId,
)
from sightline_gateway.protocol.server_messages import (
    AudioChunk as AudioChunk,
    CaptureFrame as CaptureFrame,
    Config as Config,
    ConfigChanged as ConfigChanged,
    Dimensions as Dimensions,
    Error as Error,
    ErrorCode as ErrorCode,
    FrameAck as FrameAck,
    FrameCount as FrameCount,
    FrameReceived as FrameReceived,
    ResponseComplete as ResponseComplete,
    ServerMessage as ServerMessage,
    SessionInit as SessionInit,
    SpeechInterrupted as SpeechInterrupted,
    SpeechStreamEnd as SpeechStreamEnd,
    SpeechStreamStart as SpeechStreamStart,
    Text as Text,
    TextDelta as TextDelta,
    ToolCall as ToolCall,
    ToolResult as ToolResult,
    TranscriptionResult as TranscriptionResult,
    from_server as from_server,
)
