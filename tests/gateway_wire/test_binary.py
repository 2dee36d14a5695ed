"""Binary messages: a line of JSON, and the data behind it."""

from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given, strategies as st

from sightline.errors import DecodeError
from sightline.messages import Trigger
from sightline_gateway.protocol import (
    Audio,
    AudioChunk,
    Image,
    Text,
    VideoFrame,
    from_client,
    from_server,
)
from sightline_gateway.protocol.binary import MAX_HEADER, NotJsonError, as_text, pack, unpack, unpack_server
from sightline_gateway.protocol.incoming import parse

NUMBERS = st.integers(0, 2**53 - 1)
FRAMES = st.builds(
    VideoFrame,
    session_id=st.none() | st.text(max_size=128),
    sequence=NUMBERS,
    timestamp=NUMBERS,
    trigger_reason=st.sampled_from(Trigger),
    previous_frame_ref=st.none() | st.text(max_size=128),
    image=st.builds(
        Image,
        format=st.sampled_from(["webp", "jpeg", "png"]),
        width=st.integers(1, 10_000),
        height=st.integers(1, 10_000),
    ),
)
RECORDINGS = st.builds(
    Audio, format=st.text(max_size=40), sample_rate=st.none() | st.integers(8_000, 192_000)
)
CHUNKS = st.builds(AudioChunk, chunkId=NUMBERS, format=st.text(max_size=40), text=st.text(max_size=500))
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(FRAMES | RECORDINGS, st.binary())
def test_what_a_client_packs_comes_out_as_it_was(message: VideoFrame | Audio, data: bytes) -> None:
    assert unpack(pack(message, data)) == (message, data)


@given(CHUNKS, st.binary())
def test_what_the_gateway_packs_comes_out_as_it_was(chunk: AudioChunk, data: bytes) -> None:
    assert unpack_server(pack(chunk, data)) == (chunk, data)


@given(st.binary())
def test_any_bytes_are_a_message_or_a_clear_error(payload: bytes) -> None:
    with contextlib.suppress(DecodeError):
        assert unpack(payload)


@given(st.binary().filter(lambda data: b"\n" not in data))
def test_bytes_without_a_line_are_not_our_protocol(payload: bytes) -> None:
    with pytest.raises(NotJsonError, match="line of JSON"):
        unpack(payload)


@given(ANYTHING | st.dictionaries(st.sampled_from(["type", "text", "data", "image"]), ANYTHING))
def test_any_json_is_a_message_or_a_clear_error(value: object) -> None:
    with contextlib.suppress(DecodeError):
        assert parse(json.dumps(value))


@given(st.text())
def test_any_text_is_a_message_or_a_clear_error(text: str) -> None:
    with contextlib.suppress(DecodeError):
        assert parse(text)


def test_a_line_without_an_end_is_not_searched_for_long() -> None:
    with pytest.raises(NotJsonError, match=str(MAX_HEADER)):
        unpack(b'{"type":"audio"' + b" " * MAX_HEADER + b"}\n")


def test_json_that_never_ends_to_nest_is_no_json() -> None:
    with pytest.raises(NotJsonError, match="recursion"):
        parse("[" * 100_000)


def test_a_message_without_data_is_no_binary_message() -> None:
    with pytest.raises(DecodeError, match="transcript carries no data: send it as a text message"):
        unpack(b'{"type":"transcript","text":"hello"}\nhello')


def test_data_in_both_places_is_refused() -> None:
    with pytest.raises(DecodeError, match="the bytes follow the newline"):
        unpack(b'{"type":"audio","data":"AAAA"}\nabc')


def test_a_packed_message_leaves_its_base64_out() -> None:
    header = pack(AudioChunk(chunk_id=1, data="AAAA", format="wav"), b"\0\0\0").split(b"\n")[0]
    assert json.loads(header) == {"type": "audio_chunk", "chunkId": 1, "format": "wav", "text": ""}


def test_base64_of_a_text_message_becomes_the_same_bytes() -> None:
    frame = VideoFrame(sequence=3, image=Image(data="c2VlbQ==", format="png"))
    incoming = parse(frame.model_dump_json(by_alias=True))
    assert incoming.data == b"seem"
    assert incoming.message == frame.model_copy(update={"image": Image(format="png")})


@pytest.mark.parametrize("data", ["c2VlbQ=", "c2 VlbQ==", "data:image/png;base64,c2VlbQ==", "ä"])
def test_what_is_no_base64_is_named(data: str) -> None:
    with pytest.raises(DecodeError, match=r"audio\.data: expected base64"):
        parse(Audio(data=data).model_dump_json(by_alias=True))


def test_an_error_names_the_place_and_keeps_the_value_to_itself() -> None:
    with pytest.raises(
        DecodeError, match=r"video_frame\.image\.width: .* greater than or equal to 1"
    ) as caught:
        parse('{"type":"video_frame","image":{"data":"c2VjcmV0","width":0}}')
    assert "c2VjcmV0" not in str(caught.value)


def test_messages_are_written_with_the_names_of_the_protocol() -> None:
    said = as_text(Text(role="user", text="hé"))
    assert from_server.validate_json(said) == Text(role="user", text="hé")
    frame = VideoFrame(trigger_reason=Trigger.USER_REQUEST, image=Image(data="AAAA"))
    assert '"triggerReason":"user_request"' in as_text(frame)
    assert from_client.validate_json(as_text(frame)) == frame
