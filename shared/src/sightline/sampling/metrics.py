"""What all sources of frames count."""

from __future__ import annotations

from prometheus_client import Counter

FRAMES = Counter(
    "sightline_ingest_frames",
    "Frames sampled, by why, and by whether the bus took them.",
    ["trigger", "outcome"],
)
LOOKS = Counter("sightline_ingest_looks", "Pictures looked at, by what they showed.", ["view"])
SHED = Counter("sightline_ingest_shed", "Frames dropped because the bus did not take them.")
TICKETS = Counter("sightline_ingest_tickets", "Tickets offered, by what came of it.", ["stage", "outcome"])
CAPTURES = Counter("sightline_ingest_captures", "Capture requests, by what came of them.", ["outcome"])
