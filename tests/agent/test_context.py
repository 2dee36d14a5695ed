"""The vision context: what it keeps, whatever order messages come in, and how old that is."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, strategies as st

from sightline.messages import Caption, FrameInfo, Track
from sightline_agent import context as limits, track_view
from sightline_agent.context import VisionContext
from support.sights import ALICE, ALICES_SCREEN, BOB, after, caption, ended, frame, image


def context_of(*messages: Any, max_age: float = 15.0) -> VisionContext:
    made = VisionContext("demo", max_age)
    for message in messages:
        made.update(message)
    return made


def texts(context: VisionContext, at: float, speaker: str = "") -> list[str]:
    return [seen.message.text for seen in context.describe(after(at), speaker)]


def test_a_caption_is_as_old_as_its_frame() -> None:
    [seen] = context_of(caption(3)).describe(after(5.5))
    assert (seen.message.text, seen.age, seen.participant) == ("what frame 3 shows", 2.5, "alice")


def test_a_frame_that_shows_nothing_new_makes_the_caption_fresh_again() -> None:
    [seen] = context_of(caption(3), frame(9, unchanged_since=3)).describe(after(10))
    assert seen.age == 1.0


def test_a_caption_that_comes_after_the_frame_that_confirms_it_is_fresh_too() -> None:
    [seen] = context_of(frame(9, unchanged_since=3), caption(3)).describe(after(10))
    assert seen.age == 1.0


def test_a_frame_of_another_scene_confirms_nothing() -> None:
    seen = context_of(caption(3), frame(9, unchanged_since=5)).describe(after(10))
    assert [each.age for each in seen] == [7.0]


def test_a_new_scene_does_not_undo_what_confirmed_the_one_before() -> None:
    """The caption is of 3, which was last seen at 6; at 7 something else came into view."""
    [seen] = context_of(frame(6, unchanged_since=3), frame(7), caption(3)).describe(after(8))
    assert seen.age == 2.0


def test_what_is_older_than_the_limit_is_not_in_view() -> None:
    context = context_of(caption(3), max_age=4)
    assert texts(context, at=7) == ["what frame 3 shows"]
    assert texts(context, at=7.1) == []


def test_what_is_too_old_or_was_replaced_is_past() -> None:
    context = context_of(caption(1), caption(5), max_age=4)
    assert [(each.message.text, each.age, each.past) for each in context.past(after(6), within=10)] == [
        ("what frame 1 shows", 5.0, True)
    ]
    assert [each.age for each in context.past(after(12), within=10)] == [7.0]


def test_a_late_caption_does_not_replace_a_newer_one() -> None:
    context = context_of(caption(7), caption(4))
    assert texts(context, at=8) == ["what frame 7 shows"]


def test_each_stage_has_its_own_newest_caption() -> None:
    context = context_of(caption(3, stage="captioner"), caption(2, "plates", stage="plate-reader"))
    assert texts(context, at=4) == ["what frame 3 shows", "plates"]


def test_the_speakers_tracks_come_first() -> None:
    context = context_of(caption(frame(3, track=BOB), "bob"), caption(2, "alice"))
    assert texts(context, at=4) == ["bob", "alice"]
    assert texts(context, at=4, speaker="alice") == ["alice", "bob"]


def test_camera_and_screen_of_one_participant_are_two_tracks() -> None:
    context = context_of(caption(3, "face"), caption(frame(2, track=ALICES_SCREEN), "slides"))
    assert texts(context, at=4) == ["face", "slides"]
    assert context.participants == ["alice"]


def test_a_track_that_ended_is_out_of_view_at_once() -> None:
    context = context_of(frame(3), caption(3), image(3), ended(4))
    assert texts(context, at=4) == []
    assert context.images(after(4), "agent") == []
    assert context.past(after(4), within=60) == []
    assert context.participants == []


def test_a_caption_in_flight_does_not_bring_an_ended_track_back() -> None:
    assert texts(context_of(ended(4), caption(3)), at=4) == []


def test_a_track_that_goes_on_after_its_end_is_in_view_again() -> None:
    assert texts(context_of(caption(3), ended(4), caption(5)), at=6) == ["what frame 5 shows"]


def test_other_rooms_are_not_ours() -> None:
    other = Track(room="other", participant="alice", id="TR_a")
    context = VisionContext("demo")
    assert not context.update(caption(frame(3, track=other)))
    assert not context.update(ended(9, track=other))
    assert texts(context, at=4) == []


def test_a_caption_of_nobody_knows_which_frame_is_ignored() -> None:
    assert not VisionContext("demo").update(Caption(text="something", stage="captioner"))


def test_the_newest_image_of_each_profile_is_kept() -> None:
    context = context_of(image(3), image(2), image(3, profile="thumbnail"), image(4, profile="thumbnail"))
    assert [each.frame.sequence for each in context.images(after(5), "agent")] == [3]
    assert [each.frame.sequence for each in context.images(after(5), "thumbnail")] == [4]
    assert context.images(after(5), "poster") == []


def test_a_source_that_lost_its_numbers_is_seen_again_when_no_late_message_can_explain_it() -> None:
    context = context_of(frame(90, after(90)), caption(90))
    context.update(caption(frame(2, after(91)), "late"))
    assert texts(context, at=91) == ["what frame 90 shows"]
    assert context.update(frame(1, after(93)))
    assert context.update(caption(frame(1, after(93)), "anew"))
    assert texts(context, at=94) == ["anew"]


def test_a_frame_from_the_future_is_no_younger_than_the_bus_knows_it_to_be() -> None:
    """The clock of its source is five minutes ahead; it was stored at 3 s, so it is no younger."""
    context = VisionContext("demo")
    context.update(frame(3, after(303)), at=after(3))
    context.update(caption(frame(3, after(303))), at=after(4))
    assert [seen.age for seen in context.describe(after(5))] == [2.0]


def test_nothing_has_a_negative_age() -> None:
    assert [seen.age for seen in context_of(caption(3)).describe(after(2.9))] == [0.0]


def test_what_a_fresh_frame_shows_is_described_once_its_caption_is_there() -> None:
    context = context_of(frame(5), caption(4))
    assert not context.describes(frame(5))
    assert context.describes(frame(6, unchanged_since=4))
    context.update(caption(5))
    assert context.describes(frame(5))


def test_memory_is_bounded_however_many_tracks_stages_scenes_and_captions_come() -> None:
    context = VisionContext("demo")
    for number in range(300):
        track = Track(room="demo", participant=f"p{number}", id="TR")
        context.update(caption(frame(1, track=track)))
        context.update(caption(number + 1, stage=f"stage-{number % 30}"))
        context.update(image(number + 1, profile=f"profile-{number % 30}"))
    assert len(context._tracks) == limits.MAX_TRACKS
    view = context._tracks["alice", "TR_a"]
    assert len(view.captions) == len(view.images) == track_view.MAX_STAGES
    assert len(view.scenes) == track_view.MAX_SCENES
    assert {len(captions) for captions in view.captions.values()} <= set(range(track_view.MAX_CAPTIONS + 1))


def test_the_track_that_was_updated_longest_ago_is_forgotten_first() -> None:
    context = context_of(caption(1), caption(frame(1, track=BOB)), frame(2))
    for number in range(limits.MAX_TRACKS - 1):
        context.update(frame(1, track=Track(room="demo", participant=f"p{number}", id="TR")))
    assert "alice" in context.participants
    assert "bob" not in context.participants


# One life of a room, as its sources tell it: scenes, each some frames long, over two tracks, which
# may end and go on.


@st.composite
def lives(draw: st.DrawFn) -> list[Any]:
    messages: list[Any] = []
    for track in (ALICE, BOB):
        sequence = 0
        for _ in range(draw(st.integers(1, 4))):
            start = sequence + 1
            for place in range(draw(st.integers(1, 4))):
                sequence += 1
                about = frame(sequence, after(sequence * 3), track, unchanged_since=start if place else None)
                messages.append(about)
                if not place or draw(st.booleans()):
                    messages.append(caption(about))
                    messages.append(image(about))
            if draw(st.integers(0, 4)) == 0:
                sequence += 1
                messages.append(ended(sequence, track))
    return messages


def told(context: VisionContext, at: float) -> Any:
    now = after(at)
    return (
        [(seen.frame, seen.message.text, seen.age) for seen in context.describe(now)],
        sorted((seen.frame.id, seen.age) for seen in context.past(now, within=600)),
        [(seen.frame, seen.age) for seen in context.images(now, "agent")],
        sorted(context.participants),
    )


@given(life=lives(), at=st.floats(0, 60), data=st.data())
def test_what_is_known_does_not_depend_on_the_order_of_what_came(
    life: list[Any], at: float, data: st.DataObject
) -> None:
    shuffled = data.draw(st.permutations(life))
    assert told(context_of(*shuffled), at) == told(context_of(*life), at)


@given(life=lives(), at=st.floats(0, 60), data=st.data())
def test_a_replay_of_what_was_stored_changes_nothing(life: list[Any], at: float, data: st.DataObject) -> None:
    context = context_of(*life)
    before = told(context, at)
    stored = data.draw(st.lists(st.sampled_from(life)))
    for message in stored:
        context.update(message, at=after(600))
    assert told(context, at) == before


@given(life=lives())
def test_the_caption_in_view_is_of_the_newest_frame_that_has_one(life: list[Any]) -> None:
    context = context_of(*life, max_age=1000)
    for track in (ALICE, BOB):
        over = max((each.sequence for each in life if _ends(each, track)), default=0)
        newest = max((number for each in life if (number := _captioned(each, track)) > over), default=0)
        shown = [seen.frame.sequence for seen in context.describe(after(100)) if seen.frame.track == track]
        assert shown == ([newest] if newest else [])


def _ends(message: Any, track: Track) -> bool:
    return not isinstance(message, FrameInfo | Caption) and getattr(message, "track", None) == track


def _captioned(message: Any, track: Track) -> int:
    if isinstance(message, Caption) and message.frame and message.frame.track == track:
        return message.frame.sequence
    return 0


@pytest.mark.parametrize("late", [timedelta(0), timedelta(seconds=1)])
def test_a_replayed_frame_is_never_taken_for_a_new_numbering(late: timedelta) -> None:
    context = context_of(frame(3), caption(3), caption(9))
    assert not context.update(frame(3, after(9) + late))
    assert texts(context, at=10) == ["what frame 9 shows"]
