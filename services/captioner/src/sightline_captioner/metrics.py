"""What the captioner's model takes, and what comes of asking it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import Histogram

from sightline.errors import CredentialError, DeadlineError, RateLimitedError, SightlineError

MODEL_SECONDS = Histogram(
    "sightline_model_seconds",
    "Time that one request to a captioner's model took, by what came of it.",
    ["backend", "outcome"],
    buckets=(0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60),
)

_OUTCOMES: tuple[tuple[type[SightlineError], str], ...] = (
    (RateLimitedError, "rate_limited"),
    (CredentialError, "key_refused"),
    (DeadlineError, "too_late"),
    (SightlineError, "failed"),
)


@contextmanager
def asked(backend: str) -> Iterator[None]:
    """Measure one request. One that is cancelled, as the runner's own deadline does it, was too late."""
    began, outcome = time.monotonic(), "too_late"
    try:
        yield
        outcome = "answered"
    except Exception as error:
        outcome = next((name for kind, name in _OUTCOMES if isinstance(error, kind)), "failed")
        raise
    finally:
        MODEL_SECONDS.labels(backend, outcome).observe(time.monotonic() - began)
