"""Images from elsewhere, a URL, a file, an upload::

from sightline_agent.images import ImageInbox, image_content, initial_context
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sightline_agent.images.content import (
        image_content as image_content,
        initial_context as initial_context,
    )
    from sightline_agent.images.inbox import ImageInbox as ImageInbox
    from sightline_agent.images.settings import ImageSettings as ImageSettings
    from sightline_agent.images.still import ImageError as ImageError

__all__ = ["ImageError", "ImageInbox", "ImageSettings", "image_content", "initial_context"]

_HOMES = {
    "ImageError": "still",
    "ImageInbox": "inbox",
    "ImageSettings": "settings",
    "image_content": "content",
    "initial_context": "content",
}


def __getattr__(name: str) -> Any:
    # On first use: livekit-agents takes seconds to import, and settings are read without it.
    if name in _HOMES:
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
