"""At which sign of a turn's end to look again: the last one that leaves time to describe what is seen.

Somebody falls silent, LiveKit finds that they have stopped, what they said is understood, the turn begins.
How long the latter takes is a matter of the speech-to-text and of the turn detection, and is much the same in
each turn of a conversation. So what the last turns took tells what the next one leaves.
"""

from __future__ import annotations

from collections import deque

TURNS = 4
"""The last ones, of which the shortest counts: a look that comes too late shows nothing."""

WAY = 0.05
"""Seconds for the request, the frame and the caption on the bus, besides what the captioner takes."""


class TurnEnds:
    """How long turns took to begin after the user stopped. Times are seconds of any one clock."""

    def __init__(self) -> None:
        self._stopped_at: float | None = None
        self._left: deque[float] = deque(maxlen=TURNS)

    def speaks(self) -> None:
        """The user speaks, or goes on."""
        self._stopped_at = None

    def stops(self, now: float) -> None:
        """LiveKit has found that the user stopped."""
        self._stopped_at = now

    def turn(self, now: float) -> None:
        """The turn begins: the model is about to be asked."""
        if self._stopped_at is not None:
            self._left.append(now - self._stopped_at)
        self._stopped_at = None

    def leaves(self, describing: float | None) -> bool | None:
        """Whether there is time for a description from when the user stopped until the turn begins.

        Args:
            describing: Seconds that one takes; None: not known.

        Returns:
            None where there was no turn yet to tell by.
        """
        if describing is None or not self._left:
            return None
        return min(self._left) >= describing + WAY
