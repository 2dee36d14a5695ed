"""Recordings that somebody made to do harm: refused, without a file opened or memory spent."""

from __future__ import annotations

import io
import resource
import struct
import tracemalloc
import wave
from collections.abc import Callable
from functools import cache
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from sightline_gateway.errors import AudioError
from sightline_gateway.speech.mp4 import declared_samples
from sightline_gateway.speech.recordings import RATE, decode
from support.gateway_speech import CONTAINERS, recorded
from support.http_server import Body
from support.speech import Samples, spoken, to_wav
from support.voice_server import VoiceServer

SENTENCE = "What do I hold in my hand?"
MIB = 1024 * 1024


def tone(seconds: float, rate: int = 24_000) -> Samples:
    return (8_000 * np.sin(np.arange(int(seconds * rate)) / 10)).astype(np.int16)


def refused(data: bytes, format: str = "unknown", max_seconds: float = 120.0) -> AudioError:
    with pytest.raises(AudioError) as caught:
        decode(data, format, None, max_seconds)
    return caught.value


def outcome(data: bytes, max_seconds: float = 120.0) -> bytes | str:
    """The samples; or the code of the error."""
    try:
        return decode(data, "unknown", None, max_seconds)
    except AudioError as error:
        return error.code


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0",
        b"\xff\xfb",
        b"hello, hello, can you hear me?" * 9,
        bytes(np.random.default_rng(1).integers(0, 256, 50_000, dtype=np.uint8)),
        b"\x89PNG\r\n\x1a\n" + bytes(100),
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
    ],
    ids=["empty", "a byte", "two bytes of MP3", "text", "noise", "PNG", "SVG"],
)
def test_what_is_no_recording_is_refused(data: bytes) -> None:
    assert refused(data).code == "audio_invalid"


@pytest.mark.parametrize("kind", CONTAINERS)
def test_a_recording_of_which_only_the_beginning_came_is_refused_or_ends_early(kind: str) -> None:
    data = recorded(tone(2), kind)
    assert refused(data[:30]).code == "audio_invalid"
    sound = outcome(data[: len(data) // 2])
    assert sound == "audio_invalid" or len(sound) < 1.5 * RATE * 2


FILE_OPENERS: dict[str, Callable[[str], str]] = {
    "HLS": lambda url: (
        f"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXT-X-VERSION:3\n#EXTINF:2,\n{url}\n#EXT-X-ENDLIST\n"
    ),
    "ffconcat": lambda url: f"ffconcat version 1.0\nfile '{url}'\n",
    "concat": lambda url: f"file '{url}'\n",
    "DASH": lambda url: (
        '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static"><Period>'
        f'<AdaptationSet mimeType="audio/mp4"><Representation id="1" bandwidth="1"><BaseURL>{url}</BaseURL>'
        "</Representation></AdaptationSet></Period></MPD>"
    ),
    "SDP": lambda _: (
        "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=x\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 5004 RTP/AVP 0\r\n"
    ),
}


@pytest.mark.parametrize(
    "disguise", [b"", b"ID3\x04\0\0\0\0\0\0", b"\xff\xfb\x90\x64"], ids=["", "ID3", "MP3"]
)
@pytest.mark.parametrize("kind", FILE_OPENERS)
async def test_lists_of_files_and_addresses_are_refused_and_nothing_is_opened(
    kind: str, disguise: bytes, voice: VoiceServer, tmp_path: Path
) -> None:
    file = tmp_path / "speech.wav"
    file.write_bytes(to_wav(spoken(SENTENCE)))
    voice.fault = Body(file.read_bytes())
    for address in (str(file), f"file:{file}", f"{voice.url}/speech.wav"):
        assert refused(disguise + FILE_OPENERS[kind](address).encode()).code == "audio_invalid"
    assert voice.requests == []


def test_a_video_without_sound_is_refused() -> None:
    file = io.BytesIO()
    with av.open(file, "w", format="webm") as container:
        stream = container.add_stream("libvpx", rate=10)
        stream.width, stream.height = 64, 64
        for _ in range(5):
            container.mux(stream.encode(av.VideoFrame(64, 64, "yuv420p")))
        container.mux(stream.encode(None))
    assert "no sound" in str(refused(file.getvalue()))


def test_the_sound_of_a_video_is_taken() -> None:
    file, sound = io.BytesIO(), tone(1)
    with av.open(file, "w", format="webm") as container:
        video = container.add_stream("libvpx", rate=10)
        video.width, video.height = 64, 64
        audio = container.add_stream("libopus", rate=48_000, layout="mono")
        frame = av.AudioFrame.from_ndarray(sound.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate = 24_000
        container.mux(video.encode(av.VideoFrame(64, 64, "yuv420p")))
        container.mux(audio.encode(frame))
        container.mux([*video.encode(None), *audio.encode(None)])
    assert len(decode(file.getvalue(), "unknown", None, 120)) == pytest.approx(2 * RATE, rel=0.05)


def test_hours_in_a_tiny_file_are_not_decoded() -> None:
    data = _an_hour()
    assert len(data) < MIB
    tracemalloc.start()
    try:
        assert refused(data, max_seconds=10).code == "audio_too_large"
        assert tracemalloc.get_traced_memory()[1] < 4 * MIB
    finally:
        tracemalloc.stop()


def _an_hour() -> bytes:
    file = io.BytesIO()
    with av.open(file, "w", format="flac") as container:
        stream = container.add_stream("flac", rate=8_000, layout="mono")
        silence = av.AudioFrame.from_ndarray(np.zeros((1, 60 * 8_000), np.int16), format="s16", layout="mono")
        silence.sample_rate = 8_000
        for _ in range(60):
            container.mux(stream.encode(silence))
        container.mux(stream.encode(None))
    return file.getvalue()


@pytest.mark.parametrize("channels", [9, 200])
def test_more_channels_than_anybody_records_are_refused(channels: int) -> None:
    file = io.BytesIO()
    with wave.open(file, "wb") as written:
        written.setnchannels(channels)
        written.setsampwidth(2)
        written.setframerate(16_000)
        written.writeframes(bytes(2 * channels * 16_000))
    assert refused(file.getvalue()).code == "audio_invalid"


def test_sound_at_one_sample_a_second_is_refused_before_it_becomes_millions() -> None:
    file = io.BytesIO()
    with wave.open(file, "wb") as written:
        written.setnchannels(1)
        written.setsampwidth(2)
        written.setframerate(1)
        written.writeframes(bytes(2 * 60_000))
    assert "at 1 Hz" in str(refused(file.getvalue()))


def test_a_recording_that_changes_its_rate_and_channels_midway_is_heard_whole() -> None:
    first = recorded(tone(1), "mp3")
    then = recorded(tone(2), "mp3", rate=24_000, layout="mono")
    sound = outcome(first + then)
    assert abs(len(sound) / (RATE * 2) - 3) < 0.3


def _claims(data: bytes, samples: int) -> bytes:
    """The same MP4, whose index says that it has so many samples of one byte."""
    forged = bytearray(data)
    sizes, chunks, times = (forged.find(name) for name in (b"stsz", b"stsc", b"stts"))
    forged[sizes + 8 : sizes + 16] = struct.pack(">II", 1, samples)
    for chunk in range(struct.unpack_from(">I", forged, chunks + 8)[0]):
        struct.pack_into(">I", forged, chunks + 16 + 12 * chunk, samples)
    struct.pack_into(">I", forged, times + 12, samples)
    return bytes(forged)


def test_an_index_that_claims_millions_of_samples_takes_no_memory() -> None:
    data = _claims(recorded(tone(1), "mp4"), 50_000_000)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert "claims more samples" in str(refused(data))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100 * 1024


def test_such_an_index_is_found_wherever_it_hides() -> None:
    whole = _claims(recorded(tone(1), "mp4"), 50_000_000)
    index = whole[whole.find(b"moov") - 4 :]
    beginning = whole[: struct.unpack_from(">I", whole)[0]]
    nested = struct.pack(">I4s", len(index) + 8, b"udta") + index
    open_end = b"\0\0\0\0" + index[4:]
    wrong_size = b"\0\0\0\x04" + index[4:]
    long_size = struct.pack(">I4sQ", 1, b"moov", len(index) + 8) + index[8:]
    for hidden in (index, nested, open_end, wrong_size, long_size):
        assert declared_samples(beginning + hidden) > 50_000_000
        assert declared_samples(hidden) > 50_000_000


def test_fragments_and_packed_headers_count_too() -> None:
    fragments = bytearray(recorded(tone(1), "mp4 in fragments"))
    run = fragments.find(b"trun")
    struct.pack_into(">I", fragments, run + 8, 60_000_000)
    assert "claims more samples" in str(refused(bytes(fragments)))
    packed = struct.pack(">I4s", 16, b"moov") + struct.pack(">I4s", 8, b"cmov")
    assert "claims more samples" in str(refused(packed))


@pytest.mark.parametrize("kind", ["mp4", "m4a", "mp4 in fragments"])
def test_honest_indexes_are_far_below_the_limit(kind: str) -> None:
    assert declared_samples(recorded(tone(10), kind)) < 5_000


def test_the_media_itself_may_look_like_an_index() -> None:
    media = b"stsz" + b"\xff" * 100
    data = recorded(tone(1), "mp4") + struct.pack(">I4s", len(media) + 8, b"mdat") + media
    assert declared_samples(data) < 5_000


def _laced(codec: bytes, size: int) -> bytes:
    """A WebM of so many bytes, in packets of one byte each, 256 of them in a block."""

    def element(name: str, data: bytes) -> bytes:
        return bytes.fromhex(name) + struct.pack(">Q", len(data) | 1 << 56) + data

    head = element("1A45DFA3", element("4282", b"webm") + element("4287", b"\x04"))
    sound = element("E1", element("B5", struct.pack(">d", 48_000)) + element("9F", b"\x01"))
    track = element("D7", b"\x01") + element("83", b"\x02") + element("86", codec) + sound
    block = b"\xa3\x41\x05\x81\0\0\x84\xff" + bytes(256)
    cluster = element("1F43B675", element("E7", b"\0") + block * (size // len(block)))
    return head + element("18538067", element("1654AE6B", element("AE", track)) + cluster)


@pytest.mark.parametrize("codec", [b"A_AAC", b"A_FLAC", b"A_VORBIS", b"A_UNKNOWN"])
def test_millions_of_tiny_packets_take_little_memory(codec: bytes) -> None:
    data = _laced(codec, 8 * MIB)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert refused(data).code == "audio_invalid"
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 150 * 1024


def test_more_packets_than_sound_has_are_not_looked_at() -> None:
    assert "more pieces" in str(refused(_laced(b"A_FLAC", MIB), max_seconds=10))


@given(
    damage=st.lists(st.tuples(st.floats(0, 1), st.binary(min_size=1, max_size=8)), min_size=1, max_size=20)
)
@settings(max_examples=40)
@pytest.mark.parametrize("kind", CONTAINERS)
def test_damaged_recordings_are_decoded_or_refused_and_nothing_else(
    kind: str, damage: list[tuple[float, bytes]]
) -> None:
    data = bytearray(_short(kind))
    for where, what in damage:
        start = int(where * (len(data) - 1))
        data[start : start + len(what)] = what
    sound = outcome(bytes(data), max_seconds=5)
    assert sound in ("audio_invalid", "audio_too_large") or len(sound) <= 5 * RATE * 2


@cache
def _short(kind: str) -> bytes:
    return recorded(tone(0.3), kind)
