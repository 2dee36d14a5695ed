"""The agent of a session that brings none of its own."""

from __future__ import annotations

from typing import Any

from sightline.config import load
from sightline_agent import VisionAgent
from sightline_agent.settings import AgentSettings
from sightline_agent.tools import configured_tools


class GatewayAgent(VisionAgent):
    """A VisionAgent as ``AGENT_…`` sets it, with the tools of ``AGENT_TOOLS``.

    Clients send pictures so that they are seen: unless ``AGENT_MODE`` says otherwise, a turn is shown the
    newest image and what is said of it.

    Args:
        vision: How it sees; read from ``AGENT_*`` by default.
        agent: Further arguments of ``VisionAgent``.
    """

    def __init__(self, vision: AgentSettings | None = None, **agent: Any) -> None:
        settings = vision or seeing(load(AgentSettings))
        defaults: dict[str, Any] = {"instructions": settings.instructions, "tools": configured_tools()}
        super().__init__(vision=settings, **{**defaults, **agent})


def seeing(settings: AgentSettings) -> AgentSettings:
    """The settings with images and captions, unless a mode was chosen."""
    return settings if "mode" in settings.model_fields_set else settings.model_copy(update={"mode": "both"})
