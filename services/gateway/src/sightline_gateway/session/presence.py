"""The client of a session, as far as it is there and has said what it can."""

from __future__ import annotations

from dataclasses import dataclass

from sightline_gateway.protocol import Capabilities


@dataclass(slots=True)
class Presence:
    """Whom a session talks with now.

    Attributes:
        capabilities: As the client told them; None where it has not, or went away.
        sends_frames: It has sent one.
    """

    capabilities: Capabilities | None = None
    sends_frames: bool = False

    @property
    def has_video(self) -> bool:
        """It is worth while to ask it for frames again and again."""
        return self.capabilities.video if self.capabilities is not None else self.sends_frames

    @property
    def may_have_video(self) -> bool:
        """It has not said that it has none: whoever embeds a session may answer for it."""
        return self.capabilities is None or self.capabilities.video

    @property
    def hears(self) -> bool:
        return self.capabilities is not None and self.capabilities.audio
