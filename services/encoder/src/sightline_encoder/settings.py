"""Settings of the encoder."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field
from pydantic_settings import NoDecode, SettingsConfigDict

from sightline.config import Settings
from sightline_encoder.profiles import Profile, parse_profiles


class EncoderSettings(Settings):
    """What images are made, and how fast."""

    model_config = SettingsConfigDict(env_prefix="ENCODER_")

    profiles: Annotated[tuple[Profile, ...], NoDecode, BeforeValidator(parse_profiles)] = Field(
        (Profile(name="agent", width=1024, height=1024),),
        description="Images made of each frame, separated by commas: "
        "`NAME=WIDTHxHEIGHT[:STRATEGY[:FORMAT[:QUALITY]]]`. Strategies: `center_aspect_fit`, "
        "`center_aspect_cover`, `scale_aspect_fit`, `scale_aspect_cover`, `skew`. "
        "Formats: `jpeg`, `png`, `webp`.",
    )
    max_fps: float = Field(1.0, gt=0, le=60, description="Frames a second of one track, at most.")
    concurrency: int = Field(
        2,
        ge=1,
        le=64,
        description="Frames encoded at once by one replica; as many again where somebody waits.",
    )
    deadline: float = Field(10.0, gt=0, le=600, description="Seconds that one frame may take.")
