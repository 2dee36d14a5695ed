"""What one run of a benchmark leaves: a JSON file, and a plot beside it."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, ValidationError

from harness.figures import Row
from harness.machine import Machine

RESULTS = Path(__file__).parents[1] / "results"
"""Of full runs; these are committed."""

QUICK = RESULTS / "quick"
"""Of quick ones; these are not."""


class Result(BaseModel):
    """One run.

    Attributes:
        name: Of the script, without its ending.
        command: That made it.
        quick: Short runs and few repetitions: to see that it works, not to publish.
        began: In UTC.
        seconds: That it took.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    command: str
    quick: bool
    began: datetime
    seconds: float
    machine: Machine
    rows: list[Row]

    @property
    def failures(self) -> list[str]:
        """The gates that are not passed, in words."""
        return [each for row in self.rows for figure in row.figures for each in figure.failures]

    def write(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(self.model_dump_json(indent=2) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> Self:
        """
        Raises:
            ValueError: It is no result; says which file and what is wrong.
        """
        try:
            return cls.model_validate_json(path.read_text(encoding="utf-8"))
        except ValidationError as error:
            raise ValueError(f"{path}: expected the result of a benchmark: {error}") from error
