"""What an operator may set about the agent's face."""

from __future__ import annotations

import re
from typing import Any

from pydantic import Field, field_validator
from pydantic_settings import SettingsConfigDict

from sightline.config import Settings

LOCAL = "local"

_NAME = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*|[A-Za-z_]\w*", re.ASCII)


class AvatarSettings(Settings):
    """The face that the agent's worker speaks with."""

    model_config = SettingsConfigDict(env_prefix="AGENT_")

    avatar: str = Field(
        "",
        description="A LiveKit avatar plugin by its name (`hedra`, `bey`, `tavus`, …; install "
        "`livekit-plugins-<name>`), any class as `package.module:AvatarSession`, `local` for the built-in "
        "face that needs no account; empty is a voice alone.",
    )
    # The plugin's key may be among them.
    avatar_options: dict[str, Any] = Field(
        {},
        repr=False,
        description="The avatar's own settings, as JSON: the arguments of its `AvatarSession`, for example "
        '`{"avatar_id": "…"}`. Its keys are also read from where the plugin reads them (`HEDRA_API_KEY`).',
    )
    avatar_timeout: float = Field(
        30.0, gt=0, description="Seconds the avatar has to start; the agent then speaks without a face."
    )

    @field_validator("avatar")
    @classmethod
    def _is_a_name(cls, name: str) -> str:
        if name and not _NAME.fullmatch(name):
            raise ValueError("expected a plugin's name (`hedra`), `package.module:Class` or `local`")
        return name
