"""What is found among what was seen, and how it is told once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from sightline.messages import Caption, Track
from sightline_agent.tools.answers import NotPossibleError
from sightline_agent.tools.moments import find
from sightline_agent.tools.search import LANGUAGES, Words, relevance
from sightline_agent.tools.times import since_when
from support.sights import ALICE, BOB, START, after, caption, frame

NOON = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)


def seen(*texts: str, track: Track = ALICE) -> list[tuple[Caption, datetime]]:
    """Captions a second apart."""
    return [
        (caption(frame(number, track=track), text), after(number)) for number, text in enumerate(texts, 1)
    ]


def texts(about: str, captions: list[tuple[Caption, datetime]], most: int = 8) -> list[str]:
    return [moment.text for moment in find(captions, about, most)[0]]


@pytest.mark.parametrize("about", ["mug", "MUGS", "the mug", "Holding a mug?", "what mug did she hold"])
def test_another_form_of_a_word_is_the_same_word(about: str) -> None:
    assert texts(about, seen("A woman holds a red mug.", "An empty desk.")) == ["A woman holds a red mug."]


def test_a_rare_word_counts_for_more_than_a_common_one() -> None:
    common = [f"A person at desk {number}." for number in range(20)]
    found = texts("person with a parrot", seen(*common, "A parrot."), most=1)
    assert found == ["A parrot."]


def test_words_that_every_question_has_find_nothing() -> None:
    assert texts("what did you see of the giraffe", seen("What is the time on the clock of the tower?")) == []


def test_scripts_without_blanks_are_searched_by_character() -> None:
    assert texts("赤い猫", seen("机の上に猫がいます", "空の部屋")) == ["机の上に猫がいます"]


def test_accents_make_no_difference() -> None:
    assert texts("cafe", seen("A café terrace.")) == ["A café terrace."]


def test_the_newest_comes_first_of_what_is_told() -> None:
    assert texts("", seen("one apple", "two pears", "three plums"), most=2) == ["three plums", "two pears"]


def test_what_does_not_fit_in_is_counted() -> None:
    chosen, left = find(seen("red mug", "blue mug", "green mug"), "mug", 2)
    assert len(chosen) == 2
    assert left == 1


def test_captions_of_two_tracks_stay_two() -> None:
    assert texts("mug", [*seen("A red mug."), *seen("A red mug.", track=BOB)]) == ["A red mug."] * 2


def test_a_caption_that_comes_back_is_one_moment_from_the_first_to_the_last() -> None:
    [moment], left = find(seen("A red mug.", "An empty desk.", "A red mug!", "a red mug"), "mug", 8)
    assert (moment.times, moment.first, moment.last, left) == (3, after(1), after(4), 0)
    assert moment.text == "a red mug"


def test_captions_that_differ_in_a_word_or_two_are_one_moment_as_it_was_said_last() -> None:
    first = "A woman in a blue shirt is sitting at a wooden desk with a laptop and a mug."
    last = "A woman in a blue shirt is sitting at the wooden desk with a laptop and a mug."
    other = "A man in a grey coat is standing at an open door with an umbrella and a mug."
    moments, _ = find(seen(first, last, other), "mug", 8)
    assert [(moment.text, moment.times) for moment in moments] == [(other, 1), (last, 2)]


def test_an_empty_caption_is_no_moment() -> None:
    assert find([(caption(frame(1), " "), START)], "", 8) == ([], 0)


def test_nothing_is_about_anything_in_no_texts() -> None:
    assert relevance(["mug"], []) == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_words(language: str) -> None:
    assert len(Words(language)("one two")) == 2


@pytest.mark.parametrize(
    ("since", "ago"),
    [
        (10, timedelta(minutes=10)),
        (0.5, timedelta(seconds=30)),
        ("10", timedelta(minutes=10)),
        ("2,5 min", timedelta(seconds=150)),
        ("90s", timedelta(seconds=90)),
        ("the last 2 hours", timedelta(hours=2)),
        ("5 minutes ago", timedelta(minutes=5)),
        ("11:30", timedelta(minutes=30)),
        ("since 9:15 UTC", timedelta(hours=2, minutes=45)),
        ("13:00", timedelta(hours=23)),
    ],
)
def test_a_time_is_understood_as_models_write_it(since: str | float, ago: timedelta) -> None:
    assert since_when(since, NOON) == NOON - ago


@pytest.mark.parametrize("since", [None, "", " "])
def test_no_time_is_no_limit(since: str | None) -> None:
    assert since_when(since, NOON) is None


@pytest.mark.parametrize(
    "since", ["lately", "0", -5, "25:00", "nan", float("nan"), float("inf"), "1e9", "9" * 400]
)
def test_what_is_no_time_is_told_with_what_is(since: str | float) -> None:
    with pytest.raises(NotPossibleError, match="`since` has to be minutes as a number"):
        since_when(since, NOON)


def test_a_time_before_all_times_is_no_error() -> None:
    assert since_when("999999 d", NOON) is not None
