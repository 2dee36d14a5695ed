"""Rows as a picture: bars of each figure with their spread, and curves."""

from __future__ import annotations

import math
from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from harness.figures import Curve, Figure, Row, Spread

OURS, THEIRS = "#1f6feb", "#b0b7c3"
COLUMNS = 2
PANEL = (6.4, 2.6)
"""Width and height in inches."""

LOGARITHMIC_FROM = 30
"""The largest bar is so many times the smallest."""


def plot(rows: list[Row], path: Path) -> None:
    """Write a PNG."""
    mpl.use("Agg")
    panels: list[tuple[Row, Figure | Curve]] = []
    for row in rows:
        panels += [(row, each) for each in row.figures]
        panels += [(row, each) for each in row.curves]
    columns = min(COLUMNS, len(panels))
    down = math.ceil(len(panels) / columns)
    canvas = Canvas(figsize=(PANEL[0] * columns, PANEL[1] * down), layout="constrained")
    for index, (row, each) in enumerate(panels):
        axes = canvas.add_subplot(down, columns, index + 1)
        if isinstance(each, Figure):
            _bars(axes, row, each)
        else:
            _curves(axes, row, each)
    path.parent.mkdir(parents=True, exist_ok=True)
    canvas.savefig(path, dpi=80, metadata={"Software": None})


def _bars(axes: Axes, row: Row, figure: Figure) -> None:
    each = {"Sightline": figure.ours, **figure.baselines}
    middle = [one.median for one in each.values()]
    axes.barh(
        list(each), middle, xerr=_error(each), color=[OURS] + [THEIRS] * len(figure.baselines), capsize=3
    )
    axes.invert_yaxis()
    smallest = min((one for one in middle if one > 0), default=0)
    if smallest and max(middle) / smallest >= LOGARITHMIC_FROM:
        axes.set_xscale("log")
        axes.set_xlim(left=smallest / 3)
    axes.set_xlabel(figure.unit)
    axes.set_title(f"{row.number}. {figure.name}", fontsize=10, loc="left")


def _curves(axes: Axes, row: Row, curve: Curve) -> None:
    for name, points in curve.lines.items():
        color = OURS if name == next(iter(curve.lines)) else None
        places = sorted(points)
        middle = [points[each].median for each in places]
        errors = _error({str(each): points[each] for each in places})
        axes.errorbar(places, middle, yerr=errors, label=name, color=color, marker="o", capsize=3)
    if curve.logarithmic:
        axes.set_xscale("log")
        axes.set_yscale("log")
    else:
        axes.set_ylim(bottom=0)
    axes.set_xlabel(curve.x)
    axes.legend(fontsize=8)
    axes.set_title(f"{row.number}. {curve.title}", fontsize=10, loc="left")


def _error(each: dict[str, Spread]) -> list[list[float]]:
    """How far the lowest and the highest lie from each median."""
    spreads = each.values()
    return [[one.median - one.low for one in spreads], [one.high - one.median for one in spreads]]
