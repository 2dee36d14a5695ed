"""Which texts are about something: BM25 over the stems of their words.

Snowball's stemmers find "holding" by "holds", in many languages. The formula is short, and what it
is applied to is one room's captions, so it is here and no dependency: rank-bm25 has had no release
since 2022, and bm25s is made for a corpus that is indexed once and asked often.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Sequence

import snowballstemmer  # type: ignore[import-untyped]

LANGUAGES: tuple[str, ...] = tuple(snowballstemmer.algorithms())

K, B = 1.2, 0.75
"""How fast repetition saturates, and how much long texts are held back: the usual values."""

MAX_CHARS = 2_000
"""Of one text that are looked at."""

_UNSPACED = r"\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af"
"""Kana, Han and Hangul: of these each character is a word."""

_WORD = re.compile(rf"[{_UNSPACED}]|[^\W_{_UNSPACED}]+")

_STOPWORDS = """
a about an and any anybody anyone anything are as at be been before by can could did do does earlier for from
had has have he her him his how i in is it its me mine my of on or our saw see seen she show showed shown
shows so some somebody someone something that the their them there these they this those to us was we were
what when where which while who whose why will with you your
"""
STOPWORDS = frozenset(_STOPWORDS.split())
"""Words of a query that say nothing of what is looked for."""


class Words:
    """Turns texts into stems; one per search, for it remembers each word that it has met."""

    def __init__(self, language: str = "english") -> None:
        self._stem = snowballstemmer.stemmer(language)
        self._known: dict[str, str] = {}

    def __call__(self, text: str) -> list[str]:
        """The stems of a text, in order; a character of a script without blanks is one by itself.

        >>> Words()("Holding MUGS, in Zoë's kitchen")
        ['hold', 'mug', 'in', 'zoe', 's', 'kitchen']
        """
        return [self._stemmed(word) for word in _WORD.findall(_folded(text[:MAX_CHARS]))]

    def of_query(self, text: str) -> list[str]:
        """The stems to look for: each once, without words that every question has."""
        words = _WORD.findall(_folded(text[:MAX_CHARS]))
        told = [word for word in words if word not in STOPWORDS and (len(word) > 1 or not word.isascii())]
        return list(dict.fromkeys(map(self._stemmed, told)))

    def _stemmed(self, word: str) -> str:
        stem = self._known.get(word)
        if stem is None:
            stem = self._known[word] = self._stem.stemWord(word)
        return stem


def relevance(query: Sequence[str], texts: Sequence[Sequence[str]]) -> list[float]:
    """How much each text is about the query; 0 is not at all.

    >>> first, second = relevance(["mug"], [["a", "red", "mug"], ["a", "desk"]])
    >>> first > second == 0
    True
    """
    counts = [Counter(text) for text in texts]
    mean = sum(map(len, texts)) / len(texts) if texts else 0.0
    scores = [0.0] * len(texts)
    for word in query:
        having = sum(1 for count in counts if word in count)
        weight = math.log(1 + (len(texts) - having + 0.5) / (having + 0.5))
        for number, count in enumerate(counts):
            if times := count[word]:
                length = 1 - B + B * len(texts[number]) / mean
                scores[number] += weight * times * (K + 1) / (times + K * length)
    return scores


def _folded(text: str) -> str:
    """Without case, and without accents, which people and models set as they like."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    plain = "".join(c for c in decomposed if not unicodedata.combining(c))
    return unicodedata.normalize("NFC", plain)
