"""Text from models and pictures, cleaned."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given, strategies as st

from sightline.messages import MAX_TEXT, Caption
from sightline_captioner.text import clean, one_line, quoted

ANYTHING = st.text(st.characters(exclude_categories=()), max_size=300)


@pytest.mark.parametrize(
    ("dirty", "cleaned"),
    [
        ("  a desk \t and\u00a0 a  lamp ", "a desk and a lamp"),
        ("one\r\n\r\n\r\ntwo\u2028three", "one\ntwo\nthree"),
        ("\x1b[31mred\x1b[0m \x1b]0;title\x07 text\x00\x08", "red text"),
        ("user\u202etxt.exe", "usertxt.exe"),
        ("hidden\U000e0041\U000e0042\u200b\ufeff text", "hidden text"),
        ("a lone \ud800 surrogate", "a lone surrogate"),
        ("👩\u200d💻 می\u200cخواهم", "👩\u200d💻 می\u200cخواهم"),
        ("\x00\x01\x02 \n ", ""),
    ],
)
def test_what_a_reader_cannot_see_is_removed(dirty: str, cleaned: str) -> None:
    assert clean(dirty) == cleaned


def test_a_long_text_is_cut_and_shows_it() -> None:
    assert clean("x" * (MAX_TEXT + 1)) == "x" * (MAX_TEXT - 1) + "…"
    assert clean("x" * MAX_TEXT) == "x" * MAX_TEXT
    assert clean("word " * 10, 11) == "word word…"


@given(ANYTHING, st.integers(1, 200))
def test_any_text_becomes_one_that_travels(text: str, limit: int) -> None:
    cleaned = clean(text, limit)
    assert len(cleaned) <= limit
    assert not {c for c in cleaned if unicodedata.category(c) in ("Cc", "Cs", "Co", "Cn")} - {"\n"}
    wire = Caption(text=cleaned).to_wire()
    assert Caption.from_wire(wire).text == cleaned
    assert clean(cleaned, limit) == cleaned


@given(ANYTHING)
def test_a_quotation_cannot_end_itself(text: str) -> None:
    quotation = quoted(text, 100)
    assert quotation[0] + quotation[-1] == "“”"
    assert not set(quotation[1:-1]) & set("“”\n")


def test_one_line_is_one_line() -> None:
    assert one_line("a\nb\u2029c", 10) == "a b c"
