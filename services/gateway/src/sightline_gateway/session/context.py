"""The frames that a session remembers, and what each shows."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from sightline.messages import FrameInfo, Trigger
from sightline_agent.context import VisionContext
from sightline_gateway.protocol import FrameCount

STAGE = "captioner"


@dataclass(frozen=True, slots=True)
class FrameEntry:
    """One frame that a session was sent.

    Attributes:
        sequence: As the client counts.
        timestamp: When it came, in milliseconds since 1970, on the bus's clock.
        trigger_reason: Why it was taken, as the client said.
        frame_hash: Of its bytes.
        description: What the captioner says of it, or of one just like it; empty until it has.
    """

    sequence: int
    timestamp: int
    trigger_reason: Trigger
    frame_hash: str
    description: str = ""


class FrameContext:
    """The newest frames of one session; the oldest goes first.

    Args:
        limit: How many frames it holds.

    Attributes:
        sequence: Of the newest picture, new or the same again, as the client counts; 0 before any.
        latest: When that came; None before any.
    """

    def __init__(self, limit: int) -> None:
        self.sequence = 0
        self.latest: datetime | None = None
        self._frames: deque[tuple[FrameEntry, FrameInfo | None]] = deque(maxlen=limit)

    @property
    def entries(self) -> tuple[FrameEntry, ...]:
        """Oldest first."""
        return tuple(entry for entry, _ in self._frames)

    def resize(self, limit: int) -> None:
        """Hold so many from now on."""
        self._frames = deque(self._frames, maxlen=limit)

    def add(self, entry: FrameEntry, frame: FrameInfo | None) -> None:
        """One more frame.

        Args:
            frame: As it is on the bus; None where it is not, and nothing will be known of it.
        """
        self._frames.append((entry, frame))

    def came(self, sequence: int, at: datetime) -> None:
        """A picture came, a new one or the one before it once more."""
        self.sequence, self.latest = sequence, at

    def describe(self, known: VisionContext) -> None:
        """Take in what captions say of frames that have no description yet."""
        self._frames = deque(
            ((_described(entry, frame, known), frame) for entry, frame in self._frames),
            maxlen=self._frames.maxlen,
        )

    def count(self) -> FrameCount:
        """As the client is told it at the end of a reply."""
        return FrameCount(frame_count=len(self._frames), last_frame_sequence=self.sequence)

    def header(self) -> str:
        """``[Visual context: 3 frames captured, latest at 2026-05-01T12:00:00.000Z]``; empty before any."""
        if self.latest is None:
            return ""
        latest = self.latest.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        return f"[Visual context: {len(self._frames)} frames captured, latest at {latest}]"


def _described(entry: FrameEntry, frame: FrameInfo | None, known: VisionContext) -> FrameEntry:
    if entry.description or frame is None:
        return entry
    caption = known.caption_of(frame, STAGE)
    return replace(entry, description=caption.text) if caption is not None else entry
