"""Prometheus metrics that several services share. Labels are bounded: never a room or a name."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

# Where several processes are one service, as the jobs of an agent's worker are, those that run now count.
BUS_UP = Gauge(
    "sightline_bus_up", "1 while a JetStream request succeeded just now.", multiprocess_mode="livemin"
)
BUS_RECONNECTS = Counter("sightline_bus_reconnects", "Times the bus came back.")
BUS_REFUSED = Counter(
    "sightline_bus_refused", "Messages that a stream had no room for: make room.", ["stream"]
)
BUS_BYTES = Counter(
    "sightline_bus_bytes", "Bytes of payloads to and from the bus, by what they are.", ["direction", "of"]
)
STREAM_BYTES = Gauge(
    "sightline_stream_bytes", "What a stream holds.", ["stream"], multiprocess_mode="livemostrecent"
)
STREAM_MAX_BYTES = Gauge(
    "sightline_stream_max_bytes", "What a stream may hold.", ["stream"], multiprocess_mode="livemostrecent"
)
STREAM_MESSAGES = Gauge(
    "sightline_stream_messages",
    "Messages that a stream holds.",
    ["stream"],
    multiprocess_mode="livemostrecent",
)
LOOP_LAG = Histogram(
    "sightline_event_loop_lag_seconds",
    "How late the event loop runs its timers.",
    buckets=(0.01, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10),
)
TASKS = Gauge("sightline_event_loop_tasks", "Tasks of the event loop now.")

TICKETS = Counter(
    "sightline_tickets", "Tickets worked on, by what came of them.", ["stage", "lane", "outcome"]
)
TRACKS_WAITING = Gauge(
    "sightline_tracks_waiting",
    "Tracks that wait for this stage or are in its hands; each replica tells of the whole stage.",
    ["stage", "lane"],
    multiprocess_mode="livemostrecent",
)
QUEUE_AGE = Histogram(
    "sightline_queue_age_seconds",
    "Time that a ticket waited for a replica, from offered to first taken.",
    ["stage", "lane"],
    buckets=(0.01, 0.05, 0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30),
)
STAGE_SECONDS = Histogram(
    "sightline_stage_seconds",
    "Time that a ticket was in a replica's hands, from taken to done, pauses included.",
    ["stage", "lane"],
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60),
)
WORK_SECONDS = Histogram(
    "sightline_work_seconds",
    "Time one frame took in a worker.",
    ["stage"],
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60),
)
FRAME_AGE = Histogram(
    "sightline_frame_age_seconds",
    "Age of the frame as its result was published.",
    ["stage", "lane"],
    buckets=(0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60),
)
IN_PROGRESS = Gauge(
    "sightline_in_progress", "Frames in workers' hands now.", ["stage"], multiprocess_mode="livesum"
)
PAUSED = Gauge(
    "sightline_paused", "1 while a model's owner asked for a pause.", ["stage"], multiprocess_mode="livemax"
)
