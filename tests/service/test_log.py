"""Logs: one JSON object a line, whoever wrote it, and nothing of what a camera saw."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from sightline import subjects
from sightline.config import ServiceSettings
from sightline.log import configure, get_logger, name_id
from sightline.messages import Lane, Track


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


def said(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    captured = capsys.readouterr()
    assert captured.out == ""
    return [json.loads(line) for line in captured.err.splitlines()]


def test_an_event_is_one_json_object_with_its_fields(capsys: pytest.CaptureFixture[str]) -> None:
    configure(ServiceSettings(log_format="json"), "captioner")
    get_logger().info("frame_published", trigger="timer", text='two\nlines and "quotes"', value={1})
    (entry,) = said(capsys)
    assert (
        entry.items()
        >= {
            "event": "frame_published",
            "level": "info",
            "service": "captioner",
            "trigger": "timer",
            "text": 'two\nlines and "quotes"',
        }.items()
    )
    assert entry["timestamp"].endswith("Z")


def test_what_libraries_log_has_the_same_form(capsys: pytest.CaptureFixture[str]) -> None:
    configure(ServiceSettings(log_format="json"), "captioner")
    logging.getLogger("theirs").warning("disk %s", "full", extra={"free": 3})
    (entry,) = said(capsys)
    assert (
        entry.items() >= {"event": "disk full", "level": "warning", "service": "captioner", "free": 3}.items()
    )


def test_off_a_terminal_auto_is_json(capsys: pytest.CaptureFixture[str]) -> None:
    configure(ServiceSettings(), "captioner")
    get_logger().info("frame_published")
    assert said(capsys)[0]["event"] == "frame_published"


@pytest.mark.parametrize("level", ["debug", "info", "warning", "error"])
def test_what_is_below_the_level_is_left_out(capsys: pytest.CaptureFixture[str], level: Any) -> None:
    configure(ServiceSettings(log_format="json", log_level=level), "captioner")
    levels = ["debug", "info", "warning", "error"]
    for each in levels:
        getattr(get_logger(), each)("ours")
        getattr(logging.getLogger("theirs"), each)("theirs")
    kept = levels[levels.index(level) :]
    assert [(entry["event"], entry["level"]) for entry in said(capsys)] == [
        (event, each) for each in kept for event in ("ours", "theirs")
    ]


@pytest.mark.parametrize("form", ["json", "console"])
def test_an_exception_is_told_without_the_values_of_variables(
    capsys: pytest.CaptureFixture[str], form: Any
) -> None:
    def read_plate(pixels: str) -> None:
        raise ValueError("no plate")

    configure(ServiceSettings(log_format=form), "captioner")
    try:
        read_plate("what the camera" + " saw")
    except ValueError:
        get_logger().exception("failed")
    err = capsys.readouterr().err
    assert "ValueError: no plate" in err
    assert "read_plate" in err
    assert "what the camera saw" not in err


def test_a_console_line_is_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    configure(ServiceSettings(log_format="console"), "captioner")
    get_logger().info("frame_published", trigger="timer")
    line = capsys.readouterr().err
    assert "frame_published" in line
    assert "trigger=timer" in line


def test_one_line_per_request_of_a_client_library_is_too_many(capsys: pytest.CaptureFixture[str]) -> None:
    configure(ServiceSettings(log_format="json", log_level="info"), "captioner")
    logging.getLogger("httpx").info("HTTP Request: POST")
    assert said(capsys) == []


def test_rooms_and_people_are_told_as_ids(capsys: pytest.CaptureFixture[str]) -> None:
    configure(ServiceSettings(log_format="json"), "agent")
    track = Track(room="Marlowe's room", participant="Marlowe", id="TR_1")
    get_logger().info("room_joined", room=track.room, participants=2)
    logging.getLogger("theirs").info("received job", extra={"room": track.room, "job": {"room": track.room}})
    logging.getLogger("theirs").info("linked", extra={"lk.pii.participant_identity": "Marlowe"})
    logging.getLogger("theirs").info('left room "Marlowe\'s room" with reason: RoomClosed')
    for subject in (
        subjects.frame(track),
        subjects.work("captioner", Lane.URGENT, track),
        subjects.dead("captioner", subjects.work("captioner", Lane.URGENT, track)),
        subjects.capture(track.room, track.participant),
        subjects.room(track.room),
    ):
        get_logger().warning("request_dropped", subject=subject, reason=f"no answer on {subject} within 2 s")
    entries = said(capsys)
    assert "Marlowe" not in str(entries)
    assert entries[0].items() >= {"room": name_id(track.room), "participants": 2}.items()
    assert entries[1]["room"] == entries[0]["room"]
    assert entries[2]["lk.pii.participant_identity"] == name_id("Marlowe")
    assert entries[3]["event"] == f"left room {name_id(track.room)} with reason: RoomClosed"
    assert entries[4]["subject"] == f"sightline.frames.{name_id(track.room)}.{name_id('Marlowe')}.TR_1"
    assert all(name_id(track.room) in entry["reason"] for entry in entries[4:])


def test_at_debug_names_are_told_for_who_asked_for_it(capsys: pytest.CaptureFixture[str]) -> None:
    configure(ServiceSettings(log_format="json", log_level="debug"), "agent")
    get_logger().debug("room_wanted", room="Marlowe's room")
    get_logger().info("room_wanted", room="Marlowe's room")
    assert [entry["room"] for entry in said(capsys)] == ["Marlowe's room", name_id("Marlowe's room")]
