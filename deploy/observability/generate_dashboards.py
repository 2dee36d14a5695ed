"""Writes the Grafana dashboards into dashboards/; ``--check`` only compares.

Each panel is a title, a unit, and queries with the legend of their lines.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any, NamedTuple

FOLDER = Path(__file__).with_name("dashboards")
SOURCE = {"type": "prometheus", "uid": "sightline"}
WINDOW = "[$__rate_interval]"
WIDTH, HEIGHT = 8, 8


class Panel(NamedTuple):
    """One panel. ``unit`` is Grafana's name of it; ``queries``: PromQL -> legend."""

    title: str
    unit: str
    queries: dict[str, str]
    about: str = ""


def rate(metric: str, by: str, matching: str = "") -> str:
    return f"sum by ({by}) (rate({metric}{{{matching}}}{WINDOW}))"


def quantile(share: float, histogram: str, by: str = "", matching: str = "") -> str:
    labels = ", ".join(filter(None, [by, "le"]))
    return f"histogram_quantile({share}, sum by ({labels}) (rate({histogram}_bucket{{{matching}}}{WINDOW})))"


def quantiles(histogram: str, by: str = "") -> dict[str, str]:
    """The median and the 95th percentile, by a label."""
    legend = ", ".join(f"{{{{{label}}}}}" for label in by.split(", ")) if by else ""
    return {quantile(share, histogram, by): f"p{share * 100:.0f} {legend}".strip() for share in (0.5, 0.95)}


LOOP_LAG = Panel(
    "Event loop lag, p99",
    "s",
    {quantile(0.99, "sightline_event_loop_lag_seconds", "job, instance"): "{{job}} {{instance}}"},
    "Above 0.1 s something blocks the loop.",
)

DASHBOARDS: dict[str, tuple[str, list[Panel]]] = {
    "overview": (
        "Sightline: overview",
        [
            Panel("Services with a bus", "short", {"sum by (job) (sightline_bus_up)": "{{job}}"}),
            Panel(
                "Rooms",
                "short",
                {"sum(sightline_ingest_rooms)": "sampled", "max(sightline_rooms_waiting)": "waiting"},
            ),
            Panel(
                "Frames a second", "short", {rate("sightline_ingest_frames_total", "trigger"): "{{trigger}}"}
            ),
            Panel(
                "Tracks waiting",
                "short",
                {"max by (stage, lane) (sightline_tracks_waiting)": "{{stage}} {{lane}}"},
                "Tracks that wait or are in hand. More than all slots for long: add replicas.",
            ),
            Panel(
                "Age of vision in turns",
                "s",
                quantiles("sightline_view_age_seconds"),
                "Seconds between the world and what a turn was shown.",
            ),
            Panel("Turns a second", "short", {rate("sightline_turns_total", "outcome"): "{{outcome}}"}),
            Panel(
                "Dead letters a minute",
                "short",
                {"60 * " + rate("sightline_tickets_total", "stage", 'outcome="dead"'): "{{stage}}"},
            ),
            Panel(
                "Bytes to the bus a second",
                "Bps",
                {rate("sightline_bus_bytes_total", "of", 'direction="out"'): "{{of}}"},
            ),
            LOOP_LAG,
        ],
    ),
    "stages": (
        "Sightline: stages",
        [
            Panel(
                "Tickets a second",
                "short",
                {rate("sightline_tickets_total", "stage, outcome"): "{{stage}} {{outcome}}"},
            ),
            Panel("Tickets wait", "s", quantiles("sightline_queue_age_seconds", "stage, lane")),
            Panel("Time in the stage", "s", quantiles("sightline_stage_seconds", "stage, lane")),
            Panel("Time in the worker", "s", quantiles("sightline_work_seconds", "stage")),
            Panel(
                "Age of frames when described", "s", quantiles("sightline_frame_age_seconds", "stage, lane")
            ),
            Panel("In hand", "short", {"sum by (stage) (sightline_in_progress)": "{{stage}}"}),
            Panel(
                "Tickets offered a second",
                "short",
                {rate("sightline_ingest_tickets_total", "stage, outcome"): "{{stage}} {{outcome}}"},
                "waiting: the track's slot was taken. That is load being shed, fairly.",
            ),
            Panel("Time of the captioner's model", "s", quantiles("sightline_model_seconds", "backend")),
            Panel(
                "Requests to the captioner's model a second",
                "short",
                {rate("sightline_model_seconds_count", "backend, outcome"): "{{backend}} {{outcome}}"},
            ),
            Panel("Told to pause", "short", {"sum by (stage) (sightline_paused)": "{{stage}}"}),
            Panel(
                "Streams, of what they may hold",
                "percentunit",
                {"max by (stream) (sightline_stream_bytes / (sightline_stream_max_bytes > 0))": "{{stream}}"},
            ),
            Panel(
                "Dead letters stored",
                "short",
                {'max(sightline_stream_messages{stream="SIGHTLINE_DEAD"})': "letters"},
            ),
        ],
    ),
    "rooms": (
        "Sightline: rooms and turns",
        [
            Panel(
                "Rooms of each replica",
                "short",
                {"sum by (instance) (sightline_ingest_rooms)": "{{instance}}"},
            ),
            Panel(
                "Tracks",
                "short",
                {"sum(sightline_ingest_tracks)": "sampled", "sum(sightline_ingest_streams)": "decoded now"},
            ),
            Panel(
                "Rooms waiting",
                "short",
                {"max(sightline_rooms_waiting)": "waiting", "max(sightline_rooms_held)": "held"},
            ),
            Panel(
                "Frames a second",
                "short",
                {rate("sightline_ingest_frames_total", "trigger, outcome"): "{{trigger}} {{outcome}}"},
            ),
            Panel(
                "Pictures looked at a second",
                "short",
                {rate("sightline_ingest_looks_total", "view"): "{{view}}"},
            ),
            Panel("Encoding a frame", "s", quantiles("sightline_ingest_encode_seconds")),
            Panel(
                "Captures a second",
                "short",
                {rate("sightline_ingest_captures_total", "outcome"): "{{outcome}}"},
            ),
            Panel("Age of vision in turns", "s", quantiles("sightline_view_age_seconds", "kind")),
            Panel("Added to a turn", "s", quantiles("sightline_turn_added_seconds", "mode")),
            Panel(
                "Waits for the caption asked for",
                "short",
                {rate("sightline_caption_waits_total", "outcome"): "{{outcome}}"},
                "late: the turn went on without it.",
            ),
            Panel("Tokens of what is shown", "short", quantiles("sightline_view_tokens", "mode")),
            Panel(
                "Turns a second",
                "short",
                {rate("sightline_turns_total", "mode, outcome"): "{{mode}} {{outcome}}"},
            ),
        ],
    ),
    "gateway": (
        "Sightline: gateway",
        [
            Panel(
                "Sessions",
                "short",
                {
                    "sum(sightline_gateway_sessions)": "sessions",
                    "sum(sightline_gateway_open_connections)": "connected",
                },
            ),
            Panel(
                "Connections closed a second, by code",
                "short",
                {rate("sightline_gateway_connections_total", "code"): "{{code}}"},
                "1008: refused. 1009: too large. 1013: full.",
            ),
            Panel(
                "Errors told a second", "short", {rate("sightline_gateway_errors_total", "code"): "{{code}}"}
            ),
            Panel(
                "Frames a second", "short", {rate("sightline_gateway_frames_total", "outcome"): "{{outcome}}"}
            ),
            Panel(
                "Turns a second", "short", {rate("sightline_gateway_turns_total", "outcome"): "{{outcome}}"}
            ),
            Panel(
                "Bytes a second", "Bps", {rate("sightline_gateway_bytes_total", "direction"): "{{direction}}"}
            ),
        ],
    ),
}


def dashboard(name: str) -> dict[str, Any]:
    """One dashboard, as Grafana reads it."""
    title, panels = DASHBOARDS[name]
    return {
        "uid": f"sightline-{name}",
        "title": title,
        "tags": ["sightline"],
        "schemaVersion": 39,
        "editable": True,
        "refresh": "10s",
        "time": {"from": "now-1h", "to": "now"},
        "panels": [_panel(number, panel) for number, panel in enumerate(panels)],
    }


def _panel(number: int, panel: Panel) -> dict[str, Any]:
    queries = enumerate(panel.queries.items())
    return {
        "id": number + 1,
        "type": "timeseries",
        "title": panel.title,
        "description": panel.about,
        "datasource": SOURCE,
        "gridPos": {"x": number % 3 * WIDTH, "y": number // 3 * HEIGHT, "w": WIDTH, "h": HEIGHT},
        "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0}, "overrides": []},
        "options": {"legend": {"displayMode": "list", "placement": "bottom"}, "tooltip": {"mode": "multi"}},
        "targets": [
            {"refId": chr(ord("A") + place), "datasource": SOURCE, "expr": query, "legendFormat": legend}
            for place, (query, legend) in queries
        ],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--check", action="store_true", help="exit with 1 where a dashboard is not up to date"
    )
    check = parser.parse_args().check
    for name in DASHBOARDS:
        path = FOLDER / f"{name}.json"
        made = json.dumps(dashboard(name), indent=2) + "\n"
        if not check:
            path.write_text(made, encoding="utf-8")
        elif not path.exists() or path.read_text(encoding="utf-8") != made:
            sys.exit(f"{path.name} is not up to date: run python deploy/observability/generate_dashboards.py")


if __name__ == "__main__":
    main()
