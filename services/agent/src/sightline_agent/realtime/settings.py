"""What an operator may set about realtime models, and about what the agent watches for."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from sightline.config import Settings


class RealtimeSettings(Settings):
    """Realtime (speech-to-speech) models: which one, and what it is shown."""

    model_config = SettingsConfigDict(env_prefix="AGENT_REALTIME_")

    model: str = Field(
        "",
        description="Realtime model of the worker, `gpt-realtime` for example; empty talks by "
        "speech-to-text, language model and text-to-speech.",
    )
    base_url: str = Field(
        "",
        description="Endpoint that speaks OpenAI's realtime protocol; empty is `OPENAI_BASE_URL`, or OpenAI.",
    )
    api_key: SecretStr = Field(
        SecretStr(""), description="Its key; empty is `OPENAI_API_KEY`, unless the endpoint is its own."
    )
    voice: str = Field("marin", min_length=1, description="Voice of the realtime model.")
    shows: Literal["images", "captions", "both", "off"] = Field(
        "images",
        description="What the worker's realtime model is shown: the video's `images`, `captions` as text "
        "(for models that take no images), `both`, `off`.",
    )
    speaking_fps: float = Field(
        1.0, gt=0, le=60, description="Images, or changed captions, a second at most while the user speaks."
    )
    idle_interval: float = Field(3.0, gt=0, le=600, description="Seconds between them otherwise.")
    image_size: int = Field(
        1024, ge=64, le=4096, description="Images are made to fit into a square of so many pixels."
    )
    keep_images: int = Field(
        10,
        ge=0,
        le=1_000,
        description="Images that stay in the conversation: once there are twice as many, the older half is "
        "taken out of it; 0 keeps all.",
    )
    keep_views: int = Field(
        20, ge=0, le=1_000, description="The same for captions, counted in views of the room."
    )

    @property
    def shows_images(self) -> bool:
        return self.shows in ("images", "both")

    @property
    def shows_captions(self) -> bool:
        return self.shows in ("captions", "both")


class WatchSettings(Settings):
    """What the agent watches for: "tell me when the kettle boils"."""

    model_config = SettingsConfigDict(env_prefix="AGENT_WATCH_")

    tool: bool = Field(
        False,
        description="Whether the model of the worker gets the tools `watch` and `stop_watching`. Its "
        "endpoint must take tools.",
    )
    interval: float = Field(
        5.0, gt=0, le=3_600, description="Seconds between two looks for a condition, unless told otherwise."
    )
    timeout: float = Field(
        900.0, gt=0, le=86_400, description="Seconds after which it stops watching, and says so."
    )
    limit: int = Field(4, ge=1, le=100, description="Conditions that are watched for at once, at most.")
    stage: str = Field("captioner", min_length=1, description="Stage that is asked about a condition.")
    ask_timeout: float = Field(15.0, gt=0, le=120, description="Seconds that stage has to answer.")
