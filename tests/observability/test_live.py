"""What the services of a system in use tell: the metrics of the page, the panels, the alerts, the traces."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import aiohttp
import generate_metrics
import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from prometheus_client.parser import text_string_to_metric_families

from support.observed import Observed
from support.otlp import Exported
from support.prometheus import OBSERVABILITY, Prometheus, prometheus

pytestmark = [
    pytest.mark.livekit,
    pytest.mark.slow,
    pytest.mark.timeout(180),
    pytest.mark.asyncio(loop_scope="module"),
]

SECONDS = 60.0
SILENT = {"sightline_acting_calls_total", "sightline_uploads_total"}
"""Of tools that act and of uploads, which nobody uses here."""


async def scraped(target: str) -> dict[str, Any]:
    """A service's own metrics, by name."""
    async with aiohttp.ClientSession() as http, http.get(f"http://{target}/metrics") as answer:
        families = text_string_to_metric_families(await answer.text())
        return {
            each.name + ("_total" if each.type == "counter" else ""): each
            for each in families
            if each.name.startswith("sightline_") and not each.name.endswith("_created")
        }


async def test_the_services_tell_what_the_page_says_and_no_more(system: Observed) -> None:
    documented, told = generate_metrics.metrics(), {}
    for target in system.targets.values():
        told |= await scraped(target)
    assert set(told) - set(documented) == set()
    assert set(documented) - set(told) <= SILENT
    for name, family in told.items():
        assert (family.type, family.documentation) == (
            documented[name]._type,
            documented[name]._documentation,
        )
        labels = {label for sample in family.samples for label in sample.labels} - {"le", "pid"}
        assert labels <= set(documented[name]._labelnames), name


async def test_no_label_holds_a_name(system: Observed) -> None:
    for target in system.targets.values():
        for family in (await scraped(target)).values():
            values = {value for sample in family.samples for value in sample.labels.values()}
            assert not values & {"alice", "observed", "client"}


def panels() -> list[tuple[str, str]]:
    """Title and query of everything that a dashboard shows."""
    return [
        (f"{file.stem}: {panel['title']}", target["expr"].replace("$__rate_interval", "1m"))
        for file in sorted((OBSERVABILITY / "dashboards").glob("*.json"))
        for panel in json.loads(file.read_text())["panels"]
        for target in panel["targets"]
    ]


async def without_data(server: Prometheus, queries: list[tuple[str, str]]) -> list[str]:
    return [title for title, query in queries if not await server.query(query)]


async def test_every_panel_shows_data_and_every_alert_can_be_evaluated(
    system: Observed, tmp_path: Path
) -> None:
    async with prometheus(tmp_path, system.targets) as server:
        empty = panels()
        try:
            async with asyncio.timeout(SECONDS):
                while missing := await without_data(server, empty):
                    empty = [each for each in empty if each[0] in missing]
                    await asyncio.sleep(0.2)  # until it has scraped twice; it has no event of ours
        except TimeoutError:
            pytest.fail(f"no data for {empty}")
        targets = (await server.get("targets"))["activeTargets"]
        assert {each["labels"]["job"]: each["health"] for each in targets} == dict.fromkeys(
            system.targets, "up"
        )
        (group,) = (await server.get("rules"))["groups"]
        assert group["rules"]
        for rule in group["rules"]:
            assert rule["health"] != "err", rule["lastError"]
            await server.query(rule["query"])
            selectors = set(re.findall(r"sightline_[a-z_]+", rule["query"]))
            assert {name for name in selectors if not await server.query(f"count({name})")} <= RARE


RARE = {"sightline_bus_refused_total"}
"""There only once something went wrong that does not go wrong here."""


def by_name(name: str, service: str, **more: bytes) -> Any:
    def find(spans: list[Exported]) -> Exported | None:
        for each in reversed(spans):
            if (each.name, each.service) == (name, service):
                if "trace" in more and each.trace != more["trace"]:
                    continue
                return each
        return None

    return find


def linked(spans: list[Exported]) -> Exported | None:
    return next((each for each in spans if each.name == "turn" and each.span.links), None)


async def test_a_turns_span_links_the_trace_of_the_frame_that_it_was_shown(system: Observed) -> None:
    traces = system.traces
    turn = await traces.until("turn with links", linked)
    assert turn.service in ("agent", "gateway")
    link = turn.span.links[0]
    processed = await traces.until(
        "span that it links",
        lambda spans: next((each for each in spans if each.span.span_id == link.span_id), None),
    )
    assert (processed.service, processed.name) == ("captioner", "captioner process")
    assert processed.trace == link.trace_id
    published = await traces.until(
        "span of the frame",
        lambda spans: next(
            (each for each in spans if each.span.span_id == processed.span.parent_span_id), None
        ),
    )
    assert (published.name, published.trace) == ("frame publish", processed.trace)
    assert published.service in ("room-ingest", "gateway")
    assert not published.span.parent_span_id, "a frame's trace begins with its capture"
    assert published.span.start_time_unix_nano <= processed.span.start_time_unix_nano
    assert (published.span.kind, processed.span.kind, turn.span.kind) == (
        Span.SPAN_KIND_PRODUCER,
        Span.SPAN_KIND_CONSUMER,
        Span.SPAN_KIND_CONSUMER,
    )


async def test_all_stages_are_in_the_trace_of_a_frame(system: Observed) -> None:
    encoded = await system.traces.until("encoder's span", by_name("encoder process", "encoder"))
    await system.traces.until(
        "captioner's span of the same frame",
        by_name("captioner process", "captioner", trace=encoded.trace),
    )


async def test_spans_hold_neither_names_nor_words_and_are_ours_alone(system: Observed) -> None:
    await system.traces.until("turn", by_name("turn", "agent"))
    for each in system.traces.spans:
        assert each.name in ("frame publish", "captioner process", "encoder process", "turn")
        said = str(each.span)
        assert "alice" not in said
        assert "What do you see" not in said
