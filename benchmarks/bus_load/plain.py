"""What is compared, and frames and captions as the baselines send them: as little as will do."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import NamedTuple

SIGHTLINE = "sightline"
SEQUENCE = "sequence"
CAPTIONS = "captions.*"


class Caption(NamedTuple):
    """What a baseline's replica says of a frame.

    Attributes:
        began: When it was given the frame, on this machine's monotonic clock.
    """

    sequence: int
    replica: str
    began: float


def frame_subject(track: int) -> str:
    return f"frames.{track}"


def caption_of(subject: str, headers: Mapping[str, str], replica: str, began: float) -> tuple[str, bytes]:
    """The subject and the payload of a caption of the frame with this subject and these headers."""
    said = Caption(int(headers[SEQUENCE]), replica, began)
    return f"captions.{track_of(subject)}", json.dumps(said).encode()


def track_of(subject: str) -> int:
    return int(subject.rpartition(".")[2])
