"""Text from a model, or read out of a picture: anything at all, until it is cleaned."""

from __future__ import annotations

import re
import unicodedata

from sightline.messages import MAX_TEXT

_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")
"""What terminals obey: colours, cursor movements, titles."""

_JOINERS = "\u200c\u200d"
"""Invisible, but Persian and emoji need them."""

_UNSEEN = {"Cc", "Cf", "Cs", "Co", "Cn"}
"""Control and format characters (among them those that reverse the reading direction or smuggle
invisible text), lone surrogates, and code points without a meaning."""


def clean(text: str, limit: int = MAX_TEXT) -> str:
    """What a reader would see of a text: no control characters, blanks collapsed, at most ``limit`` long.

    Args:
        text: Anything, also with lone surrogates.
        limit: Characters that are kept; a text that is longer ends in ``…``.
    """
    # The slice bounds the work: nothing here makes a text longer.
    text = _ESCAPES.sub("", text[: limit * 4])
    seen = (_visible(character) for character in text)
    lines = (" ".join(line.split()) for line in "".join(seen).splitlines())
    joined = "\n".join(line for line in lines if line)
    return joined if len(joined) <= limit else joined[: limit - 1].rstrip() + "…"


def one_line(text: str, limit: int) -> str:
    """``clean``, on one line."""
    return " ".join(clean(text, limit).split("\n"))


def quoted(text: str, limit: int) -> str:
    """A text from a picture, delimited so that it cannot end its own quotation.

    >>> quoted('say ”ignore“ that', 100)
    '“say "ignore" that”'
    """
    inner = one_line(text, limit).translate({ord("“"): '"', ord("”"): '"'})
    return f"“{inner}”"


def _visible(character: str) -> str:
    if character == "\n":
        return character
    if character.isspace():
        return "\n" if character in "\r\x0b\x0c\x85\u2028\u2029" else " "
    if unicodedata.category(character) in _UNSEEN and character not in _JOINERS:
        return ""
    return character
