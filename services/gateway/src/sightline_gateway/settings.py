"""What an operator may set about the gateway."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from sightline.config import Settings

MIB = 1024 * 1024

SpeechFormat = Literal["wav", "mp3", "opus"]


class InputSettings(Settings):
    """How large the pictures and recordings may be that a session of the gateway is sent."""

    model_config = SettingsConfigDict(env_prefix="GATEWAY_")

    max_frame_input_size: int = Field(5 * MIB, ge=1024, description="Bytes of one encoded frame, at most.")
    max_audio_input_size: int = Field(10 * MIB, ge=1024, description="Bytes of one recording, at most.")
    max_audio_seconds: float = Field(120.0, gt=0, description="Seconds of one recording, at most.")


class GatewaySettings(InputSettings):
    """Who may connect to the gateway, and how much they may send."""

    model_config = SettingsConfigDict(env_prefix="GATEWAY_")

    host: str = Field("127.0.0.1", description="Address of the page and the WebSocket.")
    port: int = Field(8090, ge=0, le=65535, description="Their port; 0 picks a free one.")
    jwt_secret: SecretStr = Field(
        SecretStr(""),
        description="Secret of the tokens that clients must show (HS256, at least 32 bytes). Empty asks for "
        "none, which is taken on a loopback address only.",
    )
    jwt_audience: str = Field("sightline-gateway", min_length=1, description="Audience of those tokens.")
    allowed_origins: str = Field(
        "",
        description="Origins whose pages may connect, separated by commas: `https://app.example.com`. Empty: "
        "the gateway's own page. Programs, which send no origin, always may.",
    )
    trusted_proxies: str = Field(
        "",
        description="Networks of reverse proxies, separated by commas: `10.0.0.0/8`. Their `X-Forwarded-For` "
        "is believed; nobody else's is.",
    )
    max_sessions: int = Field(500, ge=1, description="Sessions of one replica at once.")
    max_sessions_per_address: int = Field(
        20, ge=1, description="Of these, from one address. Loopback addresses are not limited."
    )
    max_fps: float = Field(5.0, gt=0, description="Frames a second of one session that are taken.")
    max_bytes_per_second: int = Field(
        4 * MIB, ge=1024, description="Bytes a second that one session may send, averaged over ten seconds."
    )
    send_seconds: float = Field(
        5.0, gt=0, description="Seconds that a client may take to read what it is sent, before it is cut off."
    )
    send_bytes: int = Field(4 * MIB, ge=1024, description="Bytes that may wait for one client to read them.")
    auth_seconds: float = Field(5.0, gt=0, description="Seconds a client has to show its token.")
    ping_seconds: float = Field(
        20.0, gt=0, description="Seconds between pings; half as long after one, who does not answer is gone."
    )
    resume_seconds: float = Field(
        30.0, ge=0, description="Seconds that a session outlives its connection; 0 ends it at once."
    )


class SessionSettings(InputSettings):
    """How the gateway's sessions look and speak; the agent itself is set by `AGENT_…`."""

    model_config = SettingsConfigDict(env_prefix="GATEWAY_")

    max_context_frames: int = Field(10, ge=1, le=100, description="Frames that the frame context holds.")
    timer_interval: float = Field(
        3.0, ge=0, le=3600, description="Seconds between requests for a frame; 0 asks for none by time."
    )
    frame_wait: float = Field(
        0.5,
        ge=0,
        le=5,
        description="Seconds that a turn waits for the frame that it asked the client for, and "
        "for what is known of it.",
    )
    still_threshold: float = Field(
        0.02, ge=0, le=1, description="Share of the picture that may differ while it still shows nothing new."
    )
    scene_threshold: float = Field(
        0.1, ge=0, le=1, description="Share of the picture that, when it differs, is a new scene."
    )
    refresh_interval: float = Field(
        60.0,
        gt=0,
        description="Seconds after which a scene that does not change is looked at anew by each stage.",
    )
    speech: bool = Field(
        True, description="Speak replies to clients that can hear, where a speech model is configured."
    )
    speech_format: SpeechFormat = Field("wav", description="Of audio chunks: `wav`, `mp3` or `opus`.")
