"""Who speaks, as LiveKit hears it. No audio is decoded: the server says so.

It says so only of participants of whom something is subscribed to; a video track is enough, also one
that is paused. Where nobody wants pictures it is the agent's word on the bus that counts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from livekit import rtc


class Speakers:
    """Turns LiveKit's list of active speakers into who began and who stopped."""

    def __init__(self, tell: Callable[[str, bool], None]) -> None:
        """
        Args:
            tell: Takes an identity and whether they speak; called on changes only.
        """
        self._tell = tell
        self._now: frozenset[str] = frozenset()

    def changed(self, speakers: Sequence[rtc.Participant]) -> None:
        """LiveKit's ``active_speakers_changed``: all who speak now."""
        now = frozenset(speaker.identity for speaker in speakers)
        for identity in self._now - now:
            self._tell(identity, False)
        for identity in now - self._now:
            self._tell(identity, True)
        self._now = now

    def nobody(self, *identities: str) -> None:
        """These were heard for the last time: LiveKit will not say that they stopped."""
        for identity in self._now.intersection(identities):
            self._tell(identity, False)
        self._now -= frozenset(identities)
