"""Prometheus metrics of an agent's turns. Labels are bounded: never a room or a name."""

from __future__ import annotations

from prometheus_client import Counter, Histogram

from sightline.messages import TurnRecord

TURNS = Counter(
    "sightline_turns",
    "Turns, by what was shown to them, who began them, and what came of them.",
    ["mode", "begun_by", "outcome"],
)
VIEW_AGE = Histogram(
    "sightline_view_age_seconds",
    "Age of what a turn was shown as being in view, as the turn began.",
    ["kind"],
    buckets=(0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60),
)
ADDED = Histogram(
    "sightline_turn_added_seconds",
    "Time that seeing added to a turn, the wait for a caption included.",
    ["mode"],
    buckets=(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.25, 0.5, 1),
)
WAITS = Counter(
    "sightline_caption_waits",
    "Turns, by whether the caption of the frame that was asked for came in time.",
    ["outcome"],
)
VIEW_TOKENS = Histogram(
    "sightline_view_tokens",
    "What a turn was shown costs the model, estimated.",
    ["mode"],
    buckets=(0, 50, 100, 200, 400, 800, 1_600, 3_200, 6_400, 12_800),
)
LEFT_OUT = Counter(
    "sightline_view_left_out", "Things that were known and not shown, by why.", ["kind", "reason"]
)
ACTING = Counter(
    "sightline_acting_calls", "Calls of tools that act, by whether the user's words ground them.", ["outcome"]
)


def count(record: TurnRecord) -> None:
    """Count a turn that is over; a turn that goes on after its tools is counted once, for its first part."""
    if record.continues:
        return
    outcome = {"": "answered", "cancelled": "cancelled"}.get(record.error, "failed")
    TURNS.labels(record.mode, record.begun_by, outcome).inc()
    ADDED.labels(record.mode).observe(record.added)
    VIEW_TOKENS.labels(record.mode).observe(record.view_tokens)
    WAITS.labels(record.wait).inc()
    for shown in record.shown:
        if not shown.past:
            VIEW_AGE.labels(shown.kind).observe(shown.age)
    for left_out in record.left_out:
        LEFT_OUT.labels(left_out.kind, left_out.reason).inc()
