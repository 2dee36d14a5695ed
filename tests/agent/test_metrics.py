"""What a turn was, as numbers: bounded labels, and the same whether jobs are threads or processes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from prometheus_client import REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from sightline.bus import Bus
from sightline.messages import LeftOut, Shown, TurnRecord
from sightline_agent.job_metrics import JobMetrics, compact
from sightline_agent.metrics import count
from sightline_agent.settings import WorkerSettings
from support.agents import now_shows
from support.model_servers import OpenAIServer, Status
from support.sessions import talking


def value(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


async def test_a_turn_is_counted_with_the_age_of_what_it_was_shown_and_the_time_that_took(
    bus: Bus, model: OpenAIServer
) -> None:
    answered = {"mode": "captions", "begun_by": "user", "outcome": "answered"}
    before = value("sightline_turns_total", **answered)
    ages = value("sightline_view_age_seconds_count", kind="caption")
    added = value("sightline_turn_added_seconds_count", mode="captions")
    async with talking(model, bus) as talk:
        await talk.shows(bus, now_shows(bus, "a red mug"))
        await talk.says("What do I hold?")
    assert value("sightline_turns_total", **answered) == before + 1
    assert value("sightline_view_age_seconds_count", kind="caption") == ages + 1
    assert value("sightline_turn_added_seconds_count", mode="captions") == added + 1


async def test_a_turn_that_fails_is_counted_as_one(bus: Bus, model: OpenAIServer) -> None:
    failed = {"mode": "captions", "begun_by": "user", "outcome": "failed"}
    before = value("sightline_turns_total", **failed)
    model.fault = Status(400)
    async with talking(model, bus) as talk:
        await talk.says("What do I hold?")
    assert value("sightline_turns_total", **failed) == before + 1


def shown(**fields: object) -> Shown:
    what = {"kind": "caption", "participant": "a", "track": "t", "source": "camera", "sequence": 1}
    return Shown.model_validate({**what, "trigger": "timer", "age": 1.0, **fields})


def test_what_was_given_as_past_is_not_an_age_of_what_is_in_view() -> None:
    before = value("sightline_view_age_seconds_count", kind="caption")
    count(TurnRecord(room="demo", mode="captions", shown=(shown(past=True, age=300.0), shown())))
    assert value("sightline_view_age_seconds_count", kind="caption") == before + 1


def test_a_turn_that_goes_on_after_its_tools_is_counted_once() -> None:
    answered = {"mode": "images", "begun_by": "agent", "outcome": "answered"}
    before = value("sightline_turns_total", **answered)
    record = TurnRecord(room="demo", mode="images", begun_by="agent")
    count(record)
    count(record.model_copy(update={"continues": True}))
    assert value("sightline_turns_total", **answered) == before + 1


def test_what_was_left_out_is_counted_by_why() -> None:
    labels = {"kind": "image", "reason": "over_budget"}
    before = value("sightline_view_left_out_total", **labels)
    left = LeftOut(
        kind="image",
        participant="a",
        track="t",
        source="camera",
        sequence=1,
        age=1.0,
        reason="over_budget",
    )
    count(TurnRecord(room="demo", mode="images", left_out=(left,)))
    assert value("sightline_view_left_out_total", **labels) == before + 1


JOB = """
from sightline.messages import TurnRecord
from sightline.metrics import BUS_UP
from sightline_agent.metrics import count
BUS_UP.set(1)
count(TurnRecord(room="demo", mode="captions", added=0.001))
"""


def job(directory: Path) -> None:
    """A job's process: one turn, and it is over."""
    environment = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(directory)}
    subprocess.run([sys.executable, "-c", JOB], env=environment, check=True)


def scraped(directory: Path) -> str:
    registry = CollectorRegistry()
    MultiProcessCollector(registry, str(directory))  # type: ignore[no-untyped-call]
    return generate_latest(registry).decode()


TURNS = 'sightline_turns_total{begun_by="user",mode="captions",outcome="answered"}'
ADDED = 'sightline_turn_added_seconds_bucket{le="0.001",mode="captions"}'


def test_what_ended_jobs_counted_stays_and_their_files_do_not(tmp_path: Path) -> None:
    for _ in range(2):
        job(tmp_path)
    assert len(list(tmp_path.glob("counter_*.db"))) == 2
    compact(tmp_path)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["counter_ended.db", "histogram_ended.db"]
    job(tmp_path)
    compact(tmp_path)
    text = scraped(tmp_path)
    assert f"{TURNS} 3.0" in text
    assert f"{ADDED} 3.0" in text
    assert "sightline_bus_up" not in text


def test_the_files_of_a_process_that_runs_are_left_alone(tmp_path: Path) -> None:
    job(tmp_path)
    for file in list(tmp_path.iterdir()):
        file.rename(file.with_name(f"{file.stem.rpartition('_')[0]}_{os.getpid()}.db"))
    before = sorted(tmp_path.iterdir())
    compact(tmp_path)
    assert sorted(tmp_path.iterdir()) == before
    assert f"{TURNS} 1.0" in scraped(tmp_path)


@pytest.mark.parametrize(
    ("settings", "wanted"),
    [
        ({"metrics_port": 9000}, True),
        ({"metrics_port": 9000, "executor": "thread"}, False),
        ({}, False),
    ],
)
def test_a_directory_is_made_where_jobs_are_processes_and_metrics_are_served(
    settings: dict[str, object], wanted: bool
) -> None:
    metrics = JobMetrics(WorkerSettings.model_validate(settings))
    assert bool(metrics.directory) is wanted
    metrics.close()
    assert not metrics.directory or not Path(metrics.directory).exists()
