"""docs/metrics.md tells of every metric that the source makes, and of no other."""

from __future__ import annotations

import ast

import generate_metrics
from generated import ROOT

KINDS = {"Counter", "Gauge", "Histogram", "Summary"}
BOUNDED = {
    *("stage", "lane", "outcome", "trigger", "stream", "direction", "of", "view", "backend"),
    *("mode", "begun_by", "kind", "reason", "code"),
}
"""Labels whose values are few. None is a name that somebody else chooses."""


def makers() -> set[str]:
    """The modules that make metrics."""
    found = set()
    for home in [ROOT / "shared" / "src", *(ROOT / "services").glob("*/src")]:
        for path in home.rglob("*.py"):
            text = path.read_text()
            if "prometheus_client import" not in text:
                continue
            tree = list(ast.walk(ast.parse(text)))
            names = {
                each.asname or each.name
                for node in tree
                if isinstance(node, ast.ImportFrom) and node.module == "prometheus_client"
                for each in node.names
                if each.name in KINDS
            }
            if any(isinstance(node, ast.Call) and ast.unparse(node.func) in names for node in tree):
                found.add(".".join(path.relative_to(home).with_suffix("").parts))
    return found


def test_every_module_that_makes_metrics_is_known() -> None:
    assert set(generate_metrics.MODULES) == makers()


def test_every_metric_has_its_line() -> None:
    lines = [name for section in generate_metrics.SECTIONS.values() for name in section]
    assert sorted(lines) == sorted(generate_metrics.metrics())


def test_labels_are_bounded() -> None:
    labels = {label for each in generate_metrics.metrics().values() for label in each._labelnames}
    assert labels <= BOUNDED
