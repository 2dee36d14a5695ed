"""How much a turn is shown: whose first, within how many tokens, and what the record says was left out."""

from __future__ import annotations

import pytest

from sightline.bus import Bus
from sightline_agent import tokens
from sightline_agent.context import VisionContext
from sightline_agent.look import Look, look
from sightline_agent.settings import AgentSettings, Mode
from support.model_servers import OpenAIServer
from support.sessions import talking
from support.sights import ALICE, ALICES_SCREEN, BOB, after, caption, frame, image

NOW = after(10)


def seen(mode: Mode = "captions", speaker: str = "", **settings: object) -> Look:
    """A room in which Alice shows her camera and her screen, and Bob his camera."""
    context = VisionContext("demo", max_age=5.0)
    for track, at in [(ALICE, 9.0), (ALICES_SCREEN, 9.5), (BOB, 8.0)]:
        of = frame(3, after(at), track)
        context.update(caption(of, f"{track.participant}'s {track.source.value}. " + 100 * "word "))
        context.update(image(of))
    return look(context, NOW, AgentSettings.model_validate({"mode": mode, **settings}), speaker)


def told(view: Look) -> list[tuple[str, str, str]]:
    return [(shown.kind, shown.participant, shown.source) for shown in view.shown]


@pytest.mark.parametrize(
    ("width", "height", "detail", "cost"),
    [
        (1024, 1024, "high", 765),
        (2048, 4096, "high", 1105),
        (4096, 8192, "low", 85),
        (512, 512, "high", 255),
        (64, 48, "auto", 255),
        (1, 5000, "auto", 765),
    ],
)
def test_images_cost_what_openai_says_they_cost(width: int, height: int, detail: str, cost: int) -> None:
    assert tokens.of_image(width, height, detail) == cost


def test_the_speakers_tracks_come_first_and_the_freshest_first() -> None:
    assert told(seen(speaker="bob")) == [
        ("caption", "bob", "camera"),
        ("caption", "alice", "screen"),
        ("caption", "alice", "camera"),
    ]


def test_what_does_not_fit_is_left_out_and_the_speaker_is_not() -> None:
    view = seen(speaker="bob", max_view_tokens=280)
    assert told(view) == [("caption", "bob", "camera")]
    assert [(left.participant, left.source, left.reason) for left in view.left_out] == [
        ("alice", "screen", "over_budget"),
        ("alice", "camera", "over_budget"),
    ]
    assert view.tokens <= 280


def test_images_count_against_the_same_budget() -> None:
    view = seen("both", speaker="bob", max_view_tokens=900)
    assert told(view)[-1] == ("image", "bob", "camera")
    assert [(left.kind, left.participant, left.reason) for left in view.left_out] == [
        ("image", "alice", "over_budget"),
        ("image", "alice", "over_budget"),
    ]
    assert 0 < view.tokens <= 900
    assert sum(shown.tokens for shown in view.shown) < view.tokens


def test_images_of_low_detail_fit_where_others_do_not() -> None:
    assert seen("images", max_view_tokens=300, image_detail="high").images == 0
    assert seen("images", max_view_tokens=300, image_detail="low").images == 2


def test_no_limit_is_none() -> None:
    assert len(seen("both", max_view_tokens=0, max_images=16).shown) == 6


def test_more_than_so_many_are_left_out() -> None:
    view = seen("both", max_captions=1, max_images=1)
    assert told(view) == [("caption", "alice", "screen"), ("image", "alice", "screen")]
    assert [(left.kind, left.reason) for left in view.left_out] == [
        ("caption", "too_many"),
        ("caption", "too_many"),
        ("image", "too_many"),
        ("image", "too_many"),
    ]


def test_what_is_in_view_and_does_not_fit_is_not_denied() -> None:
    assert "Nothing is in view" not in seen(max_view_tokens=60).text


def test_what_was_seen_earlier_gives_way_to_what_is_in_view() -> None:
    context = VisionContext("demo", max_age=5.0)
    context.update(caption(frame(1, after(1), BOB), "long ago " + 100 * "word "))
    context.update(caption(frame(1, after(9)), "now " + 100 * "word "))
    view = look(context, NOW, AgentSettings(past_seconds=60, max_view_tokens=280), speaker="bob")
    assert [(shown.participant, shown.past) for shown in view.shown] == [("alice", False)]
    assert [(left.participant, left.reason) for left in view.left_out] == [("bob", "over_budget")]


async def test_a_caption_that_is_too_old_is_left_out_and_the_record_says_so(
    bus: Bus, model: OpenAIServer
) -> None:
    async with talking(model, bus, max_caption_age=1.0) as talk:
        now = bus.now()
        old = caption(frame(1, now.replace(year=now.year - 1)), "a red mug")
        await talk.shows(bus, old)
        record = await talk.says("What do I hold?")
    assert record.shown == ()
    [left] = record.left_out
    assert (left.id, left.participant, left.reason) == (old.id, "alice", "too_old")
    assert left.age > 1.0


async def test_a_caption_of_a_scene_that_has_not_changed_since_is_fresh(
    bus: Bus, model: OpenAIServer
) -> None:
    async with talking(model, bus, max_caption_age=60.0) as talk:
        eyes, now = talk.agent.eyes, bus.now()
        assert eyes is not None
        await talk.shows(bus, caption(frame(1, now.replace(year=now.year - 1)), "a still room"))
        eyes.context.update(frame(9, now, unchanged_since=1))
        record = await talk.says("What do you see?")
    [shown] = record.shown
    assert (shown.text, shown.past) == ("a still room", False)
    assert shown.age < 60.0
    assert record.left_out == ()


async def test_the_record_names_what_was_shown(bus: Bus, model: OpenAIServer) -> None:
    async with talking(model, bus, mode="both") as talk:
        of = frame(7, bus.now())
        said, shot = caption(of, "a red mug"), image(of)
        await talk.shows(bus, said, shot)
        record = await talk.says("What do I hold?")
    assert [(each.kind, each.id, each.frame) for each in record.shown] == [
        ("caption", said.id, of.id),
        ("image", shot.id, of.id),
    ]
    assert record.mode == "both"
    assert record.view_tokens > sum(each.tokens for each in record.shown) > 0
    assert 0 < record.added < record.added + record.seconds
    assert (record.wait, record.waited) == ("none", 0.0)
