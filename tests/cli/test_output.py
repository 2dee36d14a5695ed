"""What people and scripts get to read."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Literal

import pytest

from sightline.cli import output, records
from sightline.cli.connect import without_credentials
from sightline.cli.demo.asking import carried_a_caption
from sightline.cli.demo.parts import last_words
from sightline.cli.demo.turns import turn_lines, turn_record
from sightline.messages import Caption, EncodedImage, Frame, FrameInfo, Source, Track, TrackEnded, Trigger
from sightline.turns import Shown, TurnRecord

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
TRACK = Track(room="demo", participant="alice", id="TR_1", source=Source.SCREEN)


def frame(sequence: int = 7, unchanged_since: int | None = None) -> FrameInfo:
    return FrameInfo(
        id="frame-7",
        track=TRACK,
        sequence=sequence,
        captured_at=NOW - timedelta(seconds=1.5),
        trigger=Trigger.SCENE_CHANGE,
        width=640,
        height=360,
        content_hash="abc",
        unchanged_since=unchanged_since,
    )


def caption(text: str) -> Caption:
    return Caption(text=text, stage="captioner", model="offline", frame=frame(), data={"faces": 2})


def test_a_frame_is_a_record_with_its_age() -> None:
    assert records.record(frame(), NOW) == {
        "event": "frame",
        "frame_id": "frame-7",
        "room": "demo",
        "participant": "alice",
        "track": "TR_1",
        "source": "screen",
        "sequence": 7,
        "captured_at": "2026-01-02T03:04:03.500000+00:00",
        "age": 1.5,
        "trigger": "scene_change",
        "width": 640,
        "height": 360,
        "unchanged_since": None,
        "content_hash": "abc",
    }


def test_a_caption_is_a_record_that_names_its_frame() -> None:
    record = records.record(caption("a desk"), NOW)
    assert record["event"] == "caption"
    assert (record["text"], record["model"], record["stage"]) == ("a desk", "offline", "captioner")
    assert (record["frame_id"], record["sequence"], record["age"]) == ("frame-7", 7, 1.5)
    assert record["data"] == {"faces": 2}


def test_an_image_is_a_record_without_its_pixels() -> None:
    image = EncodedImage(
        profile="agent", width=64, height=36, frame=frame(), data=b"\xff\xd8", content_type="image/jpeg"
    )
    record = records.record(image, NOW)
    assert (record["event"], record["profile"], record["width"], record["height"]) == (
        "image",
        "agent",
        64,
        36,
    )
    assert (record["content_type"], record["bytes"], record["frame_id"]) == ("image/jpeg", 2, "frame-7")
    json.dumps(record)


def test_the_end_of_a_track_is_a_record() -> None:
    record = records.record(TrackEnded(track=TRACK, sequence=8), NOW)
    assert record == {
        "event": "track_ended",
        "room": "demo",
        "participant": "alice",
        "track": "TR_1",
        "source": "screen",
        "sequence": 8,
    }


def test_a_line_says_whose_picture_how_old_and_what() -> None:
    line = records.line(caption("a desk"), NOW)
    assert line == "caption  alice's screen in demo #7, 1.5 s old, offline: a desk"
    assert "same as #3" in records.line(frame(unchanged_since=3), NOW)


def test_a_frame_from_the_future_is_not_of_negative_age() -> None:
    assert records.age(frame(), NOW - timedelta(minutes=1)) == 0


@pytest.mark.parametrize(
    "text", ["\x1b]0;owned\x07", "a\x1b[2Jb", "a\rb", "a\nb", "a\u202eb", "a\u200bb", "\x9b2J"]
)
def test_a_caption_cannot_control_the_terminal(text: str) -> None:
    line = records.line(caption(text), NOW)
    assert line.isprintable()


def test_a_frame_with_pixels_is_shown_like_one_without() -> None:
    whole = Frame(**frame().model_dump(), data=b"\xff\xd8")
    assert records.record(whole, NOW) == records.record(frame(), NOW)


def test_a_record_is_one_line_of_ascii_json(capsys: pytest.CaptureFixture[str]) -> None:
    output.emit({"text": "日\n本", "when": NOW})
    out = capsys.readouterr().out
    assert out.count("\n") == 1
    assert out.isascii()
    assert json.loads(out) == {"text": "日\n本", "when": "2026-01-02 03:04:05+00:00"}


def test_a_table_in_a_pipe_has_one_line_a_row_and_no_markup(capsys: pytest.CaptureFixture[str]) -> None:
    output.table(("name", "value"), [("[red]a[/red]", "\x1b[2J"), ("b" * 40, 1)])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert "[red]a[/red]" in lines[1]
    assert "\x1b" not in lines[1]


def test_credentials_in_addresses_are_not_shown() -> None:
    text = "cannot reach nats://me:secret@a:4222,tls://token@b:4222 nor nats://c:4222"
    assert without_credentials(text) == "cannot reach nats://***@a:4222,tls://***@b:4222 nor nats://c:4222"


@pytest.mark.parametrize(
    ("log", "words"),
    [
        (b"", "it said nothing"),
        (b"first\nsettings: KEY is missing\n", "settings: KEY is missing"),
        (b'{"event": "service_failed", "reason": "cannot open x"}\n', "cannot open x"),
        (b'{"event": "service_stopped"}', "service_stopped"),
        (b"[1, 2]", "[1, 2]"),
        (b"x" * 10_000 + b"\nlast", "last"),
    ],
)
def test_the_last_words_of_a_part_are_its_reason(log: bytes, words: str) -> None:
    assert last_words(log) == words


def turn(text: str, kind: Literal["caption", "image"] = "caption", past: bool = False) -> TurnRecord:
    """A turn that was sent "I see: a desk" and shown ``text``."""
    shown = Shown(
        kind=kind,
        participant="alice",
        track="TR_1",
        source="camera",
        sequence=1,
        trigger="timer",
        age=0.5,
        past=past,
        text=text,
    )
    messages = (
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": [{"type": "text", "text": 'I see: a "desk"'}, {"type": "image_url"}]},
    )
    return TurnRecord(room="demo", question="What?", messages=messages, shown=(shown,), reply="A desk.")


def test_a_turn_carried_a_caption_only_if_the_model_was_sent_it() -> None:
    assert carried_a_caption(turn('a "desk"'))
    assert not carried_a_caption(turn("a door"))
    assert not carried_a_caption(turn("a desk", past=True))
    assert not carried_a_caption(turn("", kind="image"))
    assert not carried_a_caption(TurnRecord(room="demo", question="What?"))


def test_a_turn_is_a_record_with_messages_and_ages() -> None:
    record = turn_record(turn("a desk"))
    assert (record["event"], record["question"], record["reply"]) == ("turn", "What?", "A desk.")
    assert [message["role"] for message in record["messages"]] == ["system", "user"]
    assert [(caption["text"], caption["age"]) for caption in record["captions"]] == [("a desk", 0.5)]
    assert record["images"] == []
    json.dumps(record)


def test_a_turn_for_people_says_what_was_sent_and_what_came_back() -> None:
    assert turn_lines(turn("a desk"), system=False) == [
        "turn     'What?', with captions 0.5 s old",
        'sent     user: I see: a "desk"',
        "             [image_url]",
        "reply    A desk.",
    ]
    assert "sent     system: Be brief." in turn_lines(turn("a desk"))
