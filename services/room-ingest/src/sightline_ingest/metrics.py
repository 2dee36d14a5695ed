"""What the sampling of videos counts, beside what all sources count."""

from __future__ import annotations

from prometheus_client import Counter, Histogram

REPLACED = Counter("sightline_ingest_replaced", "Pictures dropped for a newer one before anybody looked.")
ENCODE_SECONDS = Histogram(
    "sightline_ingest_encode_seconds",
    "Time that one picture took to become a JPEG.",
    buckets=(0.001, 0.002, 0.004, 0.008, 0.015, 0.03, 0.06, 0.12, 0.25, 0.5, 1),
)
