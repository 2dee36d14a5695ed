"""Tools for the agent's model: ``look`` and ``recall``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sightline_agent.tools.function_tools import (
        configured_tools as configured_tools,
        vision_tools as vision_tools,
    )

__all__ = ["configured_tools", "vision_tools"]


def __getattr__(name: str) -> Any:
    # On first use: livekit-agents takes seconds to import, and settings are read without it.
    if name in __all__:
        from sightline_agent.tools import function_tools

        return getattr(function_tools, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
