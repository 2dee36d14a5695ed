"""A face for the agent: ``from sightline_agent.avatar import start_avatar``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sightline_agent.avatar.settings import AvatarSettings as AvatarSettings
    from sightline_agent.avatar.start import AvatarError as AvatarError, start_avatar as start_avatar

__all__ = ["AvatarError", "AvatarSettings", "start_avatar"]


def __getattr__(name: str) -> Any:
    # On first use: livekit-agents takes seconds to import, and settings are read without it.
    if name == "AvatarSettings":
        from sightline_agent.avatar.settings import AvatarSettings

        return AvatarSettings
    if name in __all__:
        from sightline_agent.avatar import start

        return getattr(start, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
