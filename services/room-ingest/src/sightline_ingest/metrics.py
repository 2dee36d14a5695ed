"""What the sampling counts."""

from __future__ import annotations

from prometheus_client import Counter, Histogram

FRAMES = Counter("sightline_ingest_frames", "Frames published, by why they were sampled.", ["trigger"])
LOOKS = Counter("sightline_ingest_looks", "Pictures looked at, by what they showed.", ["view"])
REPLACED = Counter("sightline_ingest_replaced", "Pictures dropped for a newer one before anybody looked.")
SHED = Counter("sightline_ingest_shed", "Frames dropped because the bus did not take them.")
TICKETS = Counter("sightline_ingest_tickets", "Tickets offered, by what came of it.", ["stage", "outcome"])
CAPTURES = Counter("sightline_ingest_captures", "Capture requests, by what came of them.", ["outcome"])
ENCODE_SECONDS = Histogram(
    "sightline_ingest_encode_seconds",
    "Time that one picture took to become a JPEG.",
    buckets=(0.001, 0.002, 0.004, 0.008, 0.015, 0.03, 0.06, 0.12, 0.25, 0.5, 1),
)
