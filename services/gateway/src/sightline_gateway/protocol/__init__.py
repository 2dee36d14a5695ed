"""What a client and the gateway say to each other, message by message.

The names are those of the VideoAgent of voice-agent-ai-sdk, whose clients connect unchanged; what it
does not have (``authenticate``, resuming, binary messages) is optional. JSON in text messages; or, for
those who care about the third that base64 adds, a binary message: one line of JSON, the same but
without the data, and the data behind it (``sightline_gateway.protocol.binary``).
"""

from sightline_gateway.protocol.client_messages import (
    MAX_TEXT as MAX_TEXT,
)
from sightline_gateway.protocol.client_messages import (
    Audio as Audio,
)
from sightline_gateway.protocol.client_messages import (
    Authenticate as Authenticate,
)
from sightline_gateway.protocol.client_messages import (
    Capabilities as Capabilities,
)
from sightline_gateway.protocol.client_messages import (
    ClientMessage as ClientMessage,
)
from sightline_gateway.protocol.client_messages import (
    ClientReady as ClientReady,
)
from sightline_gateway.protocol.client_messages import (
    Image as Image,
)
from sightline_gateway.protocol.client_messages import (
    Interrupt as Interrupt,
)
from sightline_gateway.protocol.client_messages import (
    Transcript as Transcript,
)
from sightline_gateway.protocol.client_messages import (
    VideoFrame as VideoFrame,
)
from sightline_gateway.protocol.client_messages import (
    from_client as from_client,
)
from sightline_gateway.protocol.parts import (
    MAX_SESSION_ID as MAX_SESSION_ID,
)
from sightline_gateway.protocol.parts import (
    Milliseconds as Milliseconds,
)
from sightline_gateway.protocol.parts import (
    SessionId as SessionId,
)
from sightline_gateway.protocol.server_messages import (
    AudioChunk as AudioChunk,
)
from sightline_gateway.protocol.server_messages import (
    CaptureFrame as CaptureFrame,
)
from sightline_gateway.protocol.server_messages import (
    Config as Config,
)
from sightline_gateway.protocol.server_messages import (
    ConfigChanged as ConfigChanged,
)
from sightline_gateway.protocol.server_messages import (
    Dimensions as Dimensions,
)
from sightline_gateway.protocol.server_messages import (
    Error as Error,
)
from sightline_gateway.protocol.server_messages import (
    ErrorCode as ErrorCode,
)
from sightline_gateway.protocol.server_messages import (
    FrameAck as FrameAck,
)
from sightline_gateway.protocol.server_messages import (
    FrameCount as FrameCount,
)
from sightline_gateway.protocol.server_messages import (
    FrameReceived as FrameReceived,
)
from sightline_gateway.protocol.server_messages import (
    ResponseComplete as ResponseComplete,
)
from sightline_gateway.protocol.server_messages import (
    ServerMessage as ServerMessage,
)
from sightline_gateway.protocol.server_messages import (
    SessionInit as SessionInit,
)
from sightline_gateway.protocol.server_messages import (
    SpeechInterrupted as SpeechInterrupted,
)
from sightline_gateway.protocol.server_messages import (
    SpeechStreamEnd as SpeechStreamEnd,
)
from sightline_gateway.protocol.server_messages import (
    SpeechStreamStart as SpeechStreamStart,
)
from sightline_gateway.protocol.server_messages import (
    Text as Text,
)
from sightline_gateway.protocol.server_messages import (
    TextDelta as TextDelta,
)
from sightline_gateway.protocol.server_messages import (
    ToolCall as ToolCall,
)
from sightline_gateway.protocol.server_messages import (
    ToolResult as ToolResult,
)
from sightline_gateway.protocol.server_messages import (
    TranscriptionResult as TranscriptionResult,
)
from sightline_gateway.protocol.server_messages import (
    from_server as from_server,
)
