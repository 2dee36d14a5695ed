"""What was seen, told once: captions that say the same of one track are one moment, seen several times.

Pure: nothing here does I/O.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sightline.messages import Caption, Track
from sightline_agent.tools.answers import SOURCES
from sightline_agent.tools.search import Words, relevance

SAME = 0.8
"""Share of two captions' words, at least, for them to say the same."""


@dataclass(slots=True)
class Moment:
    """Something that one track showed.

    Attributes:
        text: As it was said last.
        first: When it was seen first; ``last``: when it was seen last. On the bus's clock.
        times: How many captions said so.
    """

    track: Track
    stage: str
    text: str
    words: frozenset[str]
    first: datetime
    last: datetime
    times: int = 1

    def says_the_same(self, other: Moment) -> bool:
        """Whether they are one moment, but for a word or two."""
        if (self.track, self.stage) != (other.track, other.stage):
            return False
        return len(self.words & other.words) >= SAME * len(self.words | other.words)

    def take(self, other: Moment) -> None:
        """Make it one with another."""
        if other.last > self.last:
            self.text, self.words = other.text, other.words
        self.first, self.last = min(self.first, other.first), max(self.last, other.last)
        self.times += other.times


def find(
    captions: Iterable[tuple[Caption, datetime]], about: str, most: int, language: str = "english"
) -> tuple[list[Moment], int]:
    """The moments that are about something.

    Args:
        captions: Each with the time that its frame was taken.
        about: Words of the scene, of whoever showed it, or `camera` and `screen`; empty: everything.
        most: How many, at most: those that fit best, or the newest where everything fits.
        language: Of the captions; see ``search.LANGUAGES``.

    Returns:
        The newest first; and how many more there are.
    """
    words = Words(language)
    moments = _repeated_as_one(captions, words)
    query = words.of_query(about)
    if query:
        texts = [[*words(_attribution(each)), *words(each.text)] for each in moments]
        scores = relevance(query, texts)
    else:
        scores = [1.0] * len(moments)
    fitting = sorted(
        ((score, each) for score, each in zip(scores, moments, strict=True) if score > 0),
        key=lambda scored: (scored[0], scored[1].last),
        reverse=True,
    )
    chosen, left = _different([each for _, each in fitting], most)
    return sorted(chosen, key=lambda each: each.last, reverse=True), left


def _repeated_as_one(captions: Iterable[tuple[Caption, datetime]], words: Words) -> list[Moment]:
    moments: dict[tuple[Track, str, tuple[str, ...]], Moment] = {}
    for caption, at in captions:
        if caption.frame is None or not caption.text.strip():
            continue
        stems = tuple(words(caption.text))
        moment = Moment(caption.frame.track, caption.stage, caption.text, frozenset(stems), at, at)
        known = moments.setdefault((moment.track, moment.stage, stems), moment)
        if known is not moment:
            known.take(moment)
    return list(moments.values())


def _different(moments: Sequence[Moment], most: int) -> tuple[list[Moment], int]:
    """The first ``most`` that differ; those that say the same are made one with these."""
    chosen: list[Moment] = []
    left = 0
    for moment in moments:
        same = next((each for each in chosen if each.says_the_same(moment)), None)
        if same is not None:
            same.take(moment)
        elif len(chosen) < most:
            chosen.append(moment)
        else:
            left += 1
    return chosen, left


def _attribution(moment: Moment) -> str:
    return f"{moment.track.participant} {SOURCES[moment.track.source]}"
