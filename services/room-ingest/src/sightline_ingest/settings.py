"""Settings of the sampling, the same for rooms and for files."""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from sightline.config import Settings


class SamplingSettings(Settings):
    """When a picture becomes a frame, and how it is encoded."""

    model_config = SettingsConfigDict(env_prefix="INGEST_")

    speaking_fps: float = Field(
        1.0, gt=0, le=60, description="Frames a second of a participant's tracks while they speak."
    )
    idle_interval: float = Field(3.0, gt=0, le=30, description="Seconds between frames otherwise.")
    look_interval: float = Field(
        0.25, ge=0, le=30, description="Seconds between two looks for a change of scene."
    )
    scene_threshold: float = Field(
        0.1,
        gt=0,
        le=1,
        description="Share of the picture that, when it differs, is a new scene: sampled at once.",
    )
    still_threshold: float = Field(
        0.02, ge=0, le=1, description="Share of the picture that may differ while it still shows nothing new."
    )
    scene_gap: float = Field(0.5, ge=0, le=30, description="Seconds at least between changes of scene.")
    refresh_interval: float = Field(
        60.0,
        gt=0,
        description="Seconds after which a scene that does not change is looked at anew by each stage.",
    )
    speaking_hold: float = Field(
        30.0, gt=0, description="Seconds that a participant counts as speaking without hearing so again."
    )
    jpeg_quality: int = Field(80, ge=1, le=100, description="Quality of the frames' JPEG.")
    max_frame_bytes: int = Field(
        900_000,
        ge=10_000,
        le=1_000_000,
        description="Bytes of a frame at most; quality, then size, are lowered to fit.",
    )
