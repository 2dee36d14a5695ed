"""How many tokens something costs the model, about.

Estimates, for a budget: models count differently. Text is a token for every four bytes of UTF-8, as in
English with the usual tokenizers. Images follow OpenAI's rule: 85 tokens at low detail; otherwise 85
and 170 for each tile of 512 × 512, after the picture was fitted into 2048 × 2048 and its shorter side
into 768. `auto` is counted as `high`, which it may become.
"""

from __future__ import annotations

from math import ceil

LOW_DETAIL = 85
TILE = 170
TILE_SIDE = 512
LONGEST, SHORTEST = 2048, 768


def of_text(text: str) -> int:
    """What a text costs.

    >>> of_text("A woman holds a red mug.")
    6
    """
    return ceil(len(text.encode()) / 4)


def of_image(width: int, height: int, detail: str) -> int:
    """What an image of so many pixels costs at `low`, `high` or `auto` detail.

    >>> of_image(1024, 1024, "high"), of_image(1024, 1024, "low")
    (765, 85)
    """
    if detail == "low":
        return LOW_DETAIL
    scale = min(1.0, LONGEST / max(width, height))
    scale = min(scale, SHORTEST / min(width, height))
    tiles = ceil(width * scale / TILE_SIDE) * ceil(height * scale / TILE_SIDE)
    return LOW_DETAIL + TILE * tiles


class Budget:
    """So many tokens, and no more; 0 is no limit."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.used = 0

    def take(self, tokens: int) -> bool:
        """Use them, if there are so many left."""
        if self._limit and self.used + tokens > self._limit:
            return False
        self.used += tokens
        return True
