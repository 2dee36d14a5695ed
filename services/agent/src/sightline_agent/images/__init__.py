"""Images from elsewhere: a URL, a file, an upload::

from sightline_agent.images import ImageInbox, image_content, initial_context
"""

from __future__ import annotations

from sightline_agent.images.content import image_content as image_content
from sightline_agent.images.content import initial_context as initial_context
from sightline_agent.images.inbox import ImageInbox as ImageInbox
from sightline_agent.images.settings import ImageSettings as ImageSettings
from sightline_agent.images.still import ImageError as ImageError

__all__ = ["ImageError", "ImageInbox", "ImageSettings", "image_content", "initial_context"]
