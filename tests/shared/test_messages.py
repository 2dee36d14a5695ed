"""Messages to the wire and back; what is no message is a DecodeError and nothing else."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote

import numpy as np
import pytest
import simplejpeg
from hypothesis import HealthCheck, example, given, settings, strategies as st
from pydantic import ValidationError

from sightline import messages as m
from sightline.errors import DecodeError
from sightline.messages import Wire
from sightline.stages import StageEntry
from sightline.worker import StageWants

NAMES = st.text(max_size=300)
TEXT = st.text(max_size=100)
TOKENS = st.from_regex(r"[A-Za-z0-9_-]{1,64}", fullmatch=True)
COUNTS = st.integers(1, 2**53)
BYTES = st.binary(min_size=1, max_size=50)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=5,
)
TIMES = st.datetimes(timezones=st.just(UTC), min_value=datetime(1, 1, 2), max_value=datetime(9999, 12, 30))
TRACKS = st.builds(m.Track, room=NAMES, participant=NAMES, id=NAMES, source=st.sampled_from(m.Source))

OF_A_FRAME = {
    "track": TRACKS,
    "sequence": COUNTS,
    "captured_at": TIMES,
    "trigger": st.sampled_from(m.Trigger),
    "width": COUNTS,
    "height": COUNTS,
    "content_type": st.sampled_from(["image/jpeg", "image/webp"]),
    "content_hash": st.text(max_size=32),
    "unchanged_since": st.none() | COUNTS,
}
INFOS = st.builds(m.FrameInfo, **OF_A_FRAME)
SHOWN = st.builds(
    m.Shown,
    kind=st.sampled_from(["caption", "image"]),
    participant=NAMES,
    track=NAMES,
    source=TEXT,
    sequence=COUNTS,
    trigger=TEXT,
    age=st.floats(0, 1e6),
)
WANTS = st.builds(
    StageWants,
    max_fps=st.floats(0.01, 60),
    max_width=st.integers(16, 7680),
    triggers=st.frozensets(st.sampled_from(m.Trigger)),
)
STAGED = {"stage": TOKENS, "frame": st.none() | INFOS}

MESSAGES: dict[type[m.Message], st.SearchStrategy[Any]] = {
    m.FrameInfo: INFOS,
    m.Frame: st.builds(m.Frame, data=BYTES, **OF_A_FRAME),
    m.TrackEnded: st.builds(m.TrackEnded, track=TRACKS, sequence=COUNTS),
    m.Caption: st.builds(
        m.Caption, text=TEXT, data=st.none() | st.dictionaries(TEXT, JSON), model=TEXT, prompt=TEXT, **STAGED
    ),
    m.EncodedImage: st.builds(
        m.EncodedImage,
        profile=st.text(min_size=1, max_size=100),
        width=COUNTS,
        height=COUNTS,
        data=BYTES,
        frame=st.none() | INFOS,
    ),
    m.Ticket: st.builds(m.Ticket, stage=TOKENS, lane=st.sampled_from(m.Lane), track=TRACKS, sequence=COUNTS),
    m.DeadLetter: st.builds(
        m.DeadLetter, work_subject=TEXT, reason=TEXT, error=TEXT, attempts=COUNTS, **STAGED
    ),
    m.RoomWanted: st.builds(m.RoomWanted, room=NAMES, requested_by=NAMES),
    m.CaptureRequest: st.builds(
        m.CaptureRequest, room=NAMES, participant=NAMES, reason=TEXT, deadline=st.floats(0.1, 30)
    ),
    m.CaptureReply: st.builds(m.CaptureReply, frames=st.lists(INFOS, max_size=2).map(tuple), error=TEXT),
    m.Speaking: st.builds(m.Speaking, room=NAMES, participant=NAMES, speaking=st.booleans()),
    m.Question: st.builds(m.Question, track=TRACKS, question=st.text(min_size=1, max_size=50)),
    m.Answer: st.builds(m.Answer, text=TEXT, error=TEXT, frame=st.none() | INFOS),
    m.TurnRecord: st.builds(
        m.TurnRecord,
        room=NAMES,
        question=TEXT,
        messages=st.lists(st.dictionaries(TEXT, JSON, max_size=3), max_size=3).map(tuple),
        shown=st.lists(SHOWN, max_size=2).map(tuple),
        reply=TEXT,
        first_token=st.none() | st.floats(0, 100),
    ),
    StageEntry: st.builds(StageEntry, stage=TOKENS, wants=WANTS),
}
ANY = st.one_of(*MESSAGES.values())


def frame(**changes: Any) -> m.Frame:
    fields: dict[str, Any] = {
        "track": m.Track(room="demo", participant="alice", id="TR_1"),
        "sequence": 7,
        "captured_at": datetime(2026, 1, 2, 3, 4, 5, 678000, UTC),
        "trigger": m.Trigger.SCENE_CHANGE,
        "width": 8,
        "height": 6,
        "data": simplejpeg.encode_jpeg(np.zeros((6, 8, 3), np.uint8)),
    }
    return m.Frame(**fields | changes)


def leaves(base: type[m.Message]) -> set[type[m.Message]]:
    below = base.__subclasses__()
    return {base, *(leaf for each in below for leaf in leaves(each))}


def test_every_message_is_under_test() -> None:
    ours = {each for each in leaves(m.Message) if each.__module__.startswith("sightline")}
    assert set(MESSAGES) == {each for each in ours if "TYPE" in vars(each) or each is m.Frame}


@given(ANY)
@settings(max_examples=400)
def test_a_message_comes_back_from_the_wire_as_it_was(message: m.Message) -> None:
    back = type(message).from_wire(message.to_wire())
    assert back == message
    assert back.to_wire() == message.to_wire()


@given(ANY)
def test_headers_are_printable_ascii_without_blanks_around_them(message: m.Message) -> None:
    for name, value in message.to_wire().headers.items():
        assert name.isascii()
        assert name.replace("-", "").isalnum()
        assert value.isascii()
        assert value.isprintable()
        assert value == value.strip() != ""


@given(ANY)
def test_headers_mean_the_same_to_a_cloudevents_library_that_decodes_percents(message: m.Message) -> None:
    for name, value in message.to_wire().headers.items():
        if value.startswith("{"):
            assert json.loads(unquote(value)) == json.loads(value), name


def test_a_frame_on_the_wire_is_a_cloudevent_in_binary_mode() -> None:
    sent = frame(id="f-1", content_hash="abc", unchanged_since=3)
    assert sent.to_wire() == Wire(
        {
            "ce-specversion": "1.0",
            "ce-type": "sightline.frame.v1",
            "ce-id": "f-1",
            "ce-source": "sightline",
            "ce-time": "2026-01-02T03:04:05.678000Z",
            "ce-track": '{"room": "demo", "participant": "alice", "id": "TR_1", "source": "camera"}',
            "ce-sequence": "7",
            "ce-trigger": "scene_change",
            "ce-width": "8",
            "ce-height": "6",
            "ce-contenthash": "abc",
            "ce-unchangedsince": "3",
            "content-type": "image/jpeg",
        },
        sent.data,
    )


def test_a_frame_read_without_its_payload_is_its_info() -> None:
    sent = frame()
    assert m.FrameInfo.from_wire(Wire(sent.to_wire().headers, b"")) == sent.info
    assert m.FrameInfo.from_wire(sent.to_wire()) == sent.info


def test_decoded_frames_compare_and_hash_like_others() -> None:
    one = frame(id="f-1")
    other = m.Frame.from_wire(one.to_wire())
    assert one.pixels.shape == other.pixels.shape == (6, 8, 3)
    assert one == other
    assert hash(one) == hash(other)
    assert one != frame(id="f-2")
    assert one != one.info


LONGEST = ["a" * 19_990, "\x00" * 3_330, "é" * 3_330, "🙂" * 1_665, '"' * 9_990, "%" * 3_330]


@pytest.mark.parametrize("name", LONGEST, ids=lambda name: ascii(name[0]))
def test_three_names_of_the_greatest_length_fit_into_jetstreams_64_kb_of_headers(name: str) -> None:
    track = m.Track(room=name, participant=name, id=name)
    sent = frame(track=track, content_hash="🙂" * 128)
    image = m.EncodedImage(profile="🙂" * 100, width=1, height=1, data=b"x", frame=sent.info)
    for message in (sent, image):
        headers = message.to_wire().headers
        # What the bus adds, a trace and a message id, is far below the kilobyte left over.
        assert sum(len(key) + len(value) + 4 for key, value in headers.items()) < 2**16 - 1024
        assert type(message).from_wire(message.to_wire()) == message


@pytest.mark.parametrize("name", LONGEST, ids=lambda name: ascii(name[0]))
def test_a_longer_name_is_refused_with_the_limit(name: str) -> None:
    with pytest.raises(ValidationError, match=r"20,000 bytes in a header|at most 20000 characters"):
        m.Track(room=name + name[0] * 10, participant="", id="")


@pytest.mark.parametrize("name", ["x" * 5_120, "日" * 1_706, "🙂" * 1_280])
def test_names_of_5_kb_are_taken(name: str) -> None:
    assert m.RoomWanted.from_wire(m.RoomWanted(room=name).to_wire()).room == name


BAD_IDS = ["a\r\nce-type: forged", "a b", "é", "", "%41", 'a"', "x" * 129, "a\x7f"]
BAD_CONTENT_TYPES = ["image/jpeg\r\nce-id: forged", "image/é", "a b", "", "x" * 129]


@pytest.mark.parametrize(
    ("field", "value"), [("id", v) for v in BAD_IDS] + [("content_type", v) for v in BAD_CONTENT_TYPES]
)
def test_an_id_or_content_type_that_does_not_fit_a_header_is_refused(field: str, value: str) -> None:
    with pytest.raises(ValidationError, match=rf"for Frame\n{field}\n"):
        frame(**{field: value})


@pytest.mark.parametrize("stage", ["", "a.b", "*", ">", "a b", "é", "x" * 65])
def test_a_stage_that_is_no_subject_token_is_refused(stage: str) -> None:
    with pytest.raises(ValidationError, match="stage"):
        m.Ticket(stage=stage, lane=m.Lane.URGENT, track=frame().track, sequence=1)


@pytest.mark.parametrize("data", [{"a": object()}, {"a": "\ud800"}, {"a": np.float32(1)}, {1: 2}])
def test_a_captions_data_has_to_be_json(data: dict[Any, Any]) -> None:
    with pytest.raises(ValidationError, match="data"):
        m.Caption(text="x", data=data)


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValidationError, match="captured_at"):
        frame(captured_at=datetime(2026, 1, 1))


@pytest.mark.parametrize("kind", MESSAGES, ids=lambda kind: kind.__name__)
def test_another_type_is_refused_and_named(kind: type[m.Message]) -> None:
    with pytest.raises(DecodeError, match=rf"expected .* {kind.TYPE}, got 'other\.v1'"):
        kind.from_wire(Wire({"ce-type": "other.v1", "ce-id": "1"}, b"{}"))
    with pytest.raises(DecodeError, match="got 'nothing'"):
        kind.from_wire(Wire({}, b""))


@pytest.mark.parametrize("kind", MESSAGES, ids=lambda kind: kind.__name__)
def test_a_message_without_an_id_is_refused(kind: type[m.Message]) -> None:
    with pytest.raises(DecodeError, match="ce-id"):
        kind.from_wire(Wire({"ce-type": kind.TYPE}, b"{}"))


DEEP = '{"a":' * 100_000
KINDS = st.sampled_from(list(MESSAGES))
# Whatever a parser may stumble over, besides plain noise.
TRAPS = st.sampled_from(
    [DEEP, "{", "[]", "{}", "null", "NaN", "1e999", "9" * 5_000, "%ff", "\ud800", "-1", ""]
)
VALUES = st.text(max_size=50) | TRAPS | JSON.map(json.dumps)
PAYLOADS = st.binary(max_size=50) | VALUES.map(lambda text: text.encode("utf-8", "surrogatepass"))


def parse(kind: type[m.Message], wire: Wire) -> None:
    """Parses, or raises DecodeError; anything else fails the test."""
    try:
        kind.from_wire(wire)
    except DecodeError as error:
        told = str(error)
    else:
        return
    assert len(told) < 1_000


@given(KINDS, st.dictionaries(st.text(max_size=20), VALUES), PAYLOADS)
@settings(suppress_health_check=[HealthCheck.too_slow])
def test_noise_of_the_right_type_is_a_decode_error_at_worst(
    kind: type[m.Message], headers: dict[str, str], payload: bytes
) -> None:
    parse(kind, Wire(headers | {"ce-type": kind.TYPE, "ce-id": "1"}, payload))


@given(ANY, st.data())
@settings(suppress_health_check=[HealthCheck.too_slow], max_examples=300)
def test_a_message_that_was_tampered_with_is_a_decode_error_at_worst(
    message: m.Message, data: st.DataObject
) -> None:
    headers, payload = message.to_wire()
    changed = dict(headers)
    for name in data.draw(st.sets(st.sampled_from(sorted(headers)), max_size=3)):
        if data.draw(st.booleans()):
            del changed[name]
        else:
            changed[name] = data.draw(VALUES)
    cut = data.draw(st.integers(0, len(payload)))
    parse(type(message), Wire(changed, payload[:cut] + data.draw(st.just(b"") | PAYLOADS)))


@given(st.sampled_from(["ce-track", "ce-frame"]))
@example("ce-track")
def test_headers_nested_too_deep_are_a_decode_error(header: str) -> None:
    image = m.EncodedImage(profile="p", width=1, height=1, data=b"x", frame=frame().info)
    for message in (frame(), image):
        headers, payload = message.to_wire()
        if header in headers:
            with pytest.raises(DecodeError):
                type(message).from_wire(Wire(headers | {header: DEEP}, payload))


def test_a_frame_whose_pixels_are_no_picture_is_a_decode_error_when_looked_at() -> None:
    broken = m.Frame.from_wire(frame(data=b"\xff\xd8\xff no picture").to_wire())
    with pytest.raises(DecodeError):
        _ = broken.pixels


def test_user_requests_alone_are_urgent() -> None:
    assert [trigger for trigger in m.Trigger if m.Lane.of(trigger) is m.Lane.URGENT] == [
        m.Trigger.USER_REQUEST
    ]


def test_a_base_message_has_no_subject() -> None:
    with pytest.raises(TypeError, match="Answer has no subject"):
        _ = m.Answer().subject


def test_the_hash_of_a_picture_is_of_its_bytes() -> None:
    assert m.Frame.hash_of(b"a") != m.Frame.hash_of(b"b")
    assert len(m.Frame.hash_of(b"a")) == 32
