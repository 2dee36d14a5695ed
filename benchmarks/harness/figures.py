"""Rows, their figures, and how far these lie apart from one repetition to the next."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, computed_field, model_validator


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True)


class Spread(_Frozen):
    """One figure over all repetitions: ``Spread.of(samples)``.

    Attributes:
        median: Of the samples.
        low: The least of them.
        high: The most of them.
        samples: One of each repetition, in their order.
    """

    median: float
    low: float
    high: float
    samples: tuple[float, ...]

    @classmethod
    def of(cls, samples: Iterable[float]) -> Self:
        """The spread of one value of each repetition.

        Raises:
            ValueError: There is none.
        """
        values = tuple(float(each) for each in samples)
        if not values:
            raise ValueError("expected the samples of at least one repetition, got none")
        return cls(median=statistics.median(values), low=min(values), high=max(values), samples=values)

    def over(self, other: Spread) -> Spread:
        """How many times the other this is: of each repetition by itself, where both have as many.

        What made both slower in one repetition is not in the ratio, then.

        Raises:
            ValueError: The other is 0 somewhere.
        """
        if 0 in other.samples:
            raise ValueError(f"expected figures above 0 to divide by, got {other.samples}")
        if len(self.samples) == len(other.samples):
            pairs = zip(self.samples, other.samples, strict=True)
            return Spread.of(mine / theirs for mine, theirs in pairs)
        return Spread.of(each / other.median for each in self.samples)


class Figure(_Frozen):
    """One figure of a row, beside the same of each baseline.

    Attributes:
        name: What it is, without the unit: ``time added, p99``.
        ours: Sightline's.
        baselines: Name -> the same, measured in turns with ours. None where nothing compares.
        unit: ``ms``, ``frames/s``, ``%``; empty for a count or a share.
        better: Whether less or more of it is better.
        aim: The aim in words, with its number; empty where there is none.
        met: Whether it was met; None where there is no aim.
        gates: Baseline -> the least ratio that a change has to keep, also on a busy machine in the quick
            form: far below what is measured. Only for ratios that do not depend on the machine.
        detail: Left out of the README's table.
    """

    name: str
    ours: Spread
    baselines: dict[str, Spread] = Field(default_factory=dict)
    unit: str = ""
    better: Literal["less", "more"] = "less"
    aim: str = ""
    met: bool | None = None
    gates: dict[str, float] = Field(default_factory=dict)
    detail: bool = False

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.met is None) != (not self.aim):
            raise ValueError(f"{self.name}: expected an aim together with whether it was met")
        if unknown := self.gates.keys() - self.baselines.keys():
            raise ValueError(f"{self.name}: gates of baselines that it does not have: {', '.join(unknown)}")
        return self

    @computed_field  # type: ignore[prop-decorator]
    @property
    def ratios(self) -> dict[str, Spread]:
        """Baseline -> how many times better ours is; without those where one of the two is 0."""
        return {
            name: self.ours.over(each) if self.better == "more" else each.over(self.ours)
            for name, each in self.baselines.items()
            if 0 not in (*self.ours.samples, *each.samples)
        }

    @property
    def failures(self) -> list[str]:
        """The gates that it does not pass, in words."""
        ratios = {name: self.ratios[name].median for name in self.gates if name in self.ratios}
        return [
            f"{self.name}: expected {least:g} times better than {name} or more, was {ratios.get(name, 0):.3g}"
            for name, least in self.gates.items()
            if ratios.get(name, 0) < least
        ]


class Curve(_Frozen):
    """How a figure goes with another, for the plot.

    Attributes:
        title: What goes up and down, with its unit.
        x: What it goes with.
        lines: Name -> (place on x -> figure).
        logarithmic: Both axes.
    """

    title: str
    x: str
    lines: dict[str, dict[float, Spread]]
    logarithmic: bool = False


class Row(_Frozen):
    """One row of the table of benchmarks.

    Attributes:
        number: Its place in the table.
        title: What is measured.
        figures: The most important first.
        notes: What was compared and how; of a missed aim the reason, and what was tried.
        curves: For the plot.
    """

    number: int
    title: str
    figures: list[Figure]
    notes: str = ""
    curves: list[Curve] = Field(default_factory=list)


def percentile(values: Sequence[float], percent: float) -> float:
    """The least of the values that is not below ``percent`` per cent of them (nearest rank).

    Raises:
        ValueError: There are none.
    """
    if not values:
        raise ValueError("expected at least one value, got none")
    rank = -int(-percent * len(values) // 100)
    return sorted(values)[max(1, rank) - 1]
