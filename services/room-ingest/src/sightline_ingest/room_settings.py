"""Settings of the LiveKit half: which rooms, how many, and when to leave."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator
from pydantic_settings import SettingsConfigDict

from sightline.config import Settings


class RoomSettings(Settings):
    """Which LiveKit rooms are sampled."""

    model_config = SettingsConfigDict(env_prefix="INGEST_")

    rooms: Literal["announced", "all"] = Field(
        "announced",
        description="`announced`: rooms that an agent, or `sightline watch`, asks for. `all`: every room "
        "of the LiveKit server that has somebody in it.",
    )
    max_rooms: int = Field(50, ge=1, le=10_000, description="Rooms that one replica samples at once.")
    max_tracks_per_participant: int = Field(
        4, ge=1, description="Video tracks of one participant that are sampled; further ones are not."
    )
    max_tracks_per_room: int = Field(
        50, ge=1, description="Video tracks of one room that are sampled; further ones are not."
    )
    layer_share: float = Field(
        0.6,
        gt=0,
        le=1,
        description="Share of the width that stages can use which a camera's smaller simulcast layer must "
        "have to be taken while its participant speaks. 1: all of it, at up to three times the CPU.",
    )
    join_timeout: float = Field(15.0, gt=0, description="Seconds that joining a room may take.")
    empty_grace: float = Field(
        30.0, gt=0, description="Seconds after which a room that is absent or empty is over."
    )
    identity: str = Field(
        "sightline-ingest",
        min_length=1,
        max_length=200,
        description="Who joins the rooms. The same for all replicas: LiveKit lets the newest of them stay. "
        "Two deployments on one LiveKit server need two.",
    )
    poll_interval: float = Field(
        3.0, gt=0, description="With `INGEST_ROOMS=all`: seconds between two looks at the list of rooms."
    )
    webhook_bind: str = Field(
        "",
        description="With `INGEST_ROOMS=all`: `host:port` on which LiveKit's webhooks are taken, at "
        "`/livekit/webhook`; rooms are then seen at once. Empty: none.",
    )

    @field_validator("webhook_bind")
    @classmethod
    def _is_address(cls, bind: str) -> str:
        if bind:
            split_bind(bind)
        return bind


def split_bind(bind: str) -> tuple[str, int]:
    """``host:port`` as its parts.

    Raises:
        ValueError: It is something else.
    """
    host, _, port = bind.rpartition(":")
    if not host or not port.isdecimal() or int(port) > 65_535:
        raise ValueError("expected host:port, such as 0.0.0.0:8090")
    return host.strip("[]"), int(port)
