"""The files for Prometheus and Grafana hold together."""

from __future__ import annotations

import json
import re

import generate_metrics
import pytest

from support.prometheus import OBSERVABILITY, promtool

SUFFIX = re.compile(r"_(bucket|sum|count)$")


async def test_the_rules_and_the_config_are_valid() -> None:
    assert "SUCCESS" in await promtool("check", "rules", "alerts.yml")
    assert "SUCCESS" in await promtool("check", "config", "prometheus.yml")


async def test_the_rules_fire_when_they_should_and_not_when_they_should_not() -> None:
    assert "SUCCESS" in await promtool("test", "rules", "alerts_test.yml")


def test_every_alert_says_what_to_do_and_has_a_test() -> None:
    rules = (OBSERVABILITY / "alerts.yml").read_text().split("- alert: ")[1:]
    tests = (OBSERVABILITY / "alerts_test.yml").read_text()
    assert len(rules) > 10
    for rule in rules:
        name = rule.splitlines()[0]
        assert "summary: " in rule, name
        assert "action: " in rule, name
        assert f"alertname: {name}\n" in tests, f"{name} has no test in which it fires"


@pytest.mark.parametrize("file", ["alerts.yml", "alerts_test.yml", "dashboards"])
def test_only_metrics_that_exist_are_asked_for(file: str) -> None:
    known = {SUFFIX.sub("", name) for name in generate_metrics.metrics()}
    path = OBSERVABILITY / file
    texts = [each.read_text() for each in path.glob("*.json")] if path.is_dir() else [path.read_text()]
    names = {name for text in texts for name in re.findall(r"\bsightline_[a-z_]+", text)}
    assert names
    assert {SUFFIX.sub("", name) for name in names} - known == set()


def test_every_dashboard_reads_the_source_that_is_provisioned() -> None:
    sources = (OBSERVABILITY / "grafana/provisioning/datasources/prometheus.yml").read_text()
    assert "uid: sightline\n" in sources
    for file in (OBSERVABILITY / "dashboards").glob("*.json"):
        for panel in json.loads(file.read_text())["panels"]:
            used = [panel["datasource"], *(target["datasource"] for target in panel["targets"])]
            assert all(each == {"type": "prometheus", "uid": "sightline"} for each in used)


def test_prometheus_scrapes_every_service() -> None:
    jobs = re.findall(r"job_name: (\S+)", (OBSERVABILITY / "prometheus.yml").read_text())
    assert jobs == ["room-ingest", "captioner", "encoder", "agent", "gateway"]
