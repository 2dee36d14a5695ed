"""What this replica did lately, so that it does nothing twice and no stage faster than it asked."""

from __future__ import annotations

from collections import OrderedDict

from sightline.messages import FrameInfo

TRACKS = 10_000


class Memory:
    """The newest frame of each track that this replica has in hand or is done with. Bounded."""

    def __init__(self) -> None:
        self._newest: OrderedDict[str, FrameInfo] = OrderedDict()

    def claim(self, frame: FrameInfo) -> bool:
        """Take a frame. False: it, or a newer one of its track, is taken already."""
        known = self._newest.get(frame.subject)
        if known is not None and known.sequence >= frame.sequence:
            return False
        self._newest[frame.subject] = frame
        self._newest.move_to_end(frame.subject)
        if len(self._newest) > TRACKS:
            self._newest.popitem(last=False)
        return True

    def release(self, frame: FrameInfo) -> None:
        """The frame was not done after all: another attempt may take it."""
        if self._newest.get(frame.subject) == frame:
            del self._newest[frame.subject]
