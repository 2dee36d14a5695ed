"""Eyes for conversation agents: ``VisionAgent``, or ``attach_vision`` where the class cannot change."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sightline_agent.attach import attach_vision as attach_vision
    from sightline_agent.turn import ask_once as ask_once
    from sightline_agent.vision_agent import VisionAgent as VisionAgent

__all__ = ["VisionAgent", "ask_once", "attach_vision"]


def __getattr__(name: str) -> Any:
    # On first use: livekit-agents takes seconds to import, and settings are read without it.
    if name == "VisionAgent":
        from sightline_agent.vision_agent import VisionAgent

        return VisionAgent
    if name == "attach_vision":
        from sightline_agent.attach import attach_vision

        return attach_vision
    if name == "ask_once":
        from sightline_agent.turn import ask_once

        return ask_once
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
