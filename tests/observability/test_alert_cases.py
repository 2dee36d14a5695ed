"""Each alert is tested from both sides: what it is for, and what is close to that and none of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from support.prometheus import OBSERVABILITY

METRIC = re.compile(r"\b(?:sightline_\w+|up)\b")


def rules() -> dict[str, str]:
    """Alert -> its expression."""
    [group] = yaml.safe_load((OBSERVABILITY / "alerts.yml").read_text())["groups"]
    return {rule["alert"]: rule["expr"] for rule in group["rules"]}


def cases(alert: str, *, fires: bool) -> Iterator[dict[str, Any]]:
    """Where it is tested that the alert fires, or that it does not."""
    for case in yaml.safe_load((OBSERVABILITY / "alerts_test.yml").read_text())["tests"]:
        for tested in case["alert_rule_test"]:
            if tested["alertname"] == alert and bool(tested["exp_alerts"]) == fires:
                yield case


@pytest.mark.parametrize("fires", [True, False], ids=["fires", "is quiet"])
@pytest.mark.parametrize("alert", rules())
def test_there_is_a_case_in_which_it_looks_at_all_that_it_asks_for_and(alert: str, fires: bool) -> None:
    """An alert is quiet also where there is nothing to look at; that shows nothing."""
    asked = set(METRIC.findall(rules()[alert]))
    assert asked
    there = [
        {METRIC.findall(series["series"])[0] for series in case["input_series"]}
        for case in cases(alert, fires=fires)
    ]
    assert any(asked <= names for names in there), f"{alert}: no such case has series of {', '.join(asked)}"
