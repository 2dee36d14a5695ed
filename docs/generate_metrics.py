"""Writes the tables of metrics into docs/metrics.md, between their markers; ``--check`` only compares.

Names, types, labels and what they are come from the metrics themselves; when to look is told here.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path

from generated import between, write_or_check
from prometheus_client.metrics import MetricWrapperBase

MODULES = (
    "sightline.metrics",
    "sightline.sampling.metrics",
    "sightline_ingest.metrics",
    "sightline_ingest.bus_metrics",
    "sightline_ingest.leases",
    "sightline_ingest.room_tracks",
    "sightline_ingest.subscription",
    "sightline_captioner.metrics",
    "sightline_agent.metrics",
    "sightline_agent.images.inbox",
    "sightline_gateway.metrics",
)
"""Where metrics are made."""

SECTIONS: Mapping[str, Mapping[str, str]] = {
    "Every service": {
        "sightline_bus_up": "0: nothing works; `/readyz` says why",
        "sightline_bus_reconnects_total": "it grows though nobody restarts NATS: the network",
        "sightline_bus_refused_total": "it grows: a disk or a limit is full; captions are lost",
        "sightline_bus_bytes_total": "the network's bill; frames are most of it",
        "sightline_event_loop_lag_seconds": "above 0.1 s: a worker blocks it, or too little CPU",
        "sightline_event_loop_tasks": "it grows for hours while rooms and load do not: a leak",
    },
    "Stages: captioner, encoder, yours": {
        "sightline_tracks_waiting": "what to scale by; above the stage's slots for long: add replicas",
        "sightline_queue_age_seconds": "as long as the frames' interval: the stage is behind",
        "sightline_stage_seconds": "what a ticket costs a slot; tracks × rate × this is the slots you need",
        "sightline_work_seconds": "it grows: the model or the picture, not the queue",
        "sightline_frame_age_seconds": "what the queue and the model add up to",
        "sightline_tickets_total": "`dead`: `sightline dead list`; `lost`: the bus",
        "sightline_in_progress": "at its slots always: the stage is full",
        "sightline_paused": "1: a model's owner asks to wait, or refuses the key",
        "sightline_model_seconds": "any outcome but `answered`: the model's owner",
    },
    "Sources: room-ingest and the gateway": {
        "sightline_ingest_frames_total": "0 while rooms are held: no stage runs, or no video comes",
        "sightline_ingest_looks_total": "mostly `still`: cameras that show nothing new, which cost no model",
        "sightline_ingest_shed_total": "it grows: the bus was away, or a frame too large",
        "sightline_ingest_tickets_total": "mostly `waiting`: the stage is behind, and its load is shed",
        "sightline_ingest_captures_total": "`error`: who speaks shows nothing, or no stage runs",
    },
    "room-ingest": {
        "sightline_ingest_rooms": "how the rooms are spread over the replicas",
        "sightline_rooms_held": "the leases that are out; fewer than the sum of rooms: a replica lost some",
        "sightline_rooms_waiting": "above 0 for long: all replicas are at INGEST_MAX_ROOMS; add one",
        "sightline_ingest_tracks": "what is sampled; 0 in rooms with cameras: LiveKit's permissions",
        "sightline_ingest_streams": "what is decoded now: room-ingest's CPU",
        "sightline_ingest_subscriptions_total": "how often slow tracks are turned on and off",
        "sightline_ingest_replaced_total": "normal: only the newest picture counts",
        "sightline_ingest_encode_seconds": "above 15 ms: the machine is too busy",
        "sightline_stream_bytes": "near its most: old captions go early",
        "sightline_stream_max_bytes": "beside the line above; -1 is no limit",
        "sightline_stream_messages": "SIGHTLINE_DEAD: the dead letters of seven days",
    },
    "Agents: the worker, and the gateway's": {
        "sightline_turns_total": "`failed`: the language model",
        "sightline_view_age_seconds": "what users notice: seconds between the world and the answer",
        "sightline_turn_added_seconds": "beyond the wait for a caption it is nothing",
        "sightline_caption_waits_total": "`late`: captions take longer than a user takes to speak",
        "sightline_view_tokens": "what seeing costs in the language model's bill",
        "sightline_view_left_out_total": "`too_old`: stages are behind",
        "sightline_acting_calls_total": "`refused_…`: tools were called without the user's words",
        "sightline_uploads_total": "anything but taken: people are told why",
    },
    "gateway": {
        "sightline_gateway_sessions": "beside `GATEWAY_MAX_SESSIONS`",
        "sightline_gateway_open_connections": "fewer than sessions: clients that may come back",
        "sightline_gateway_connections_total": "1008: refused; 1009: oversize; 1013: full",
        "sightline_gateway_frames_total": "`refused`, `rate_limited`: clients to talk to",
        "sightline_gateway_turns_total": "`failed`: the language model; `interrupted`: users who went on",
        "sightline_gateway_bytes_total": "the network's bill",
        "sightline_gateway_errors_total": "which one: the codes are in the protocol",
    },
}
"""Name, as it is scraped -> when to look."""

PAGE = Path(__file__).with_name("metrics.md")


def metrics() -> dict[str, MetricWrapperBase]:
    """Every metric of the project, by the name that is queried; of histograms without their suffixes."""
    found: dict[str, MetricWrapperBase] = {}
    for module in MODULES:
        for each in vars(import_module(module)).values():
            if isinstance(each, MetricWrapperBase):
                found[each._name + ("_total" if each._type == "counter" else "")] = each
    return found


def tables() -> str:
    """All tables, as Markdown."""
    known = metrics()
    return "\n\n".join(_section(title, rows, known) for title, rows in SECTIONS.items())


def _section(title: str, rows: Mapping[str, str], known: Mapping[str, MetricWrapperBase]) -> str:
    lines = [f"**{title}**", "", "| metric | type | labels | what | when to look |", "|---|---|---|---|---|"]
    for name, when in rows.items():
        each = known[name]
        labels = ", ".join(f"`{label}`" for label in each._labelnames)
        lines.append(f"| `{name}` | {each._type} | {labels} | {each._documentation} | {when} |")
    return "\n".join(lines)


if __name__ == "__main__":
    write_or_check(__doc__, lambda: {PAGE: between(PAGE.read_text(encoding="utf-8"), "metrics", tables())})
