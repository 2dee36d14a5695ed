"""What FFmpeg opens, as upright pictures of the right colours."""

from __future__ import annotations

import wave
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from sightline import imaging
from sightline_ingest import jpeg
from sightline_ingest.decoding import SourceError, open_source, to_picture
from sightline_ingest.picture import Picture
from support.clips import make_clip
from support.pictures import TAKEN_AT
from support.scenes import BLUE, RED, scene, shows


def pictures(path: Path) -> Iterator[Picture]:
    with open_source(str(path)) as opened:
        for packet in opened.packets():
            for frame in opened.decode(packet):
                yield to_picture(frame, TAKEN_AT)


def shown(picture: Picture) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return imaging.decode(jpeg.encode(picture, 10_000, 95, 900_000).data)


FORMATS = [
    ("clip.mp4", "mpeg4", "yuv420p"),
    ("clip.mkv", "mjpeg", "yuvj420p"),
    ("clip.mkv", "mjpeg", "yuvj422p"),
    ("clip.mkv", "ffv1", "yuv444p"),
    ("clip.mkv", "ffv1", "yuv420p10le"),
    ("clip.mkv", "ffv1", "gray"),
    ("picture.png", "png", "rgb24"),
]


@pytest.mark.parametrize(("name", "codec", "pixels"), FORMATS)
def test_every_format_comes_out_in_its_colours(name: str, codec: str, pixels: str, tmp_path: Path) -> None:
    path = make_clip(tmp_path / name, [scene(RED)], codec=codec, pixels=pixels)
    [found] = pictures(path)
    assert (found.width, found.height, found.captured_at) == (640, 360, TAKEN_AT)
    luma = round(0.299 * RED[0] + 0.587 * RED[1] + 0.114 * RED[2])
    assert shows(shown(found), (luma, luma, luma) if pixels == "gray" else RED, within=12)


def test_planes_of_a_clip_are_views_of_the_decoder_s_memory(tmp_path: Path) -> None:
    found = list(pictures(make_clip(tmp_path / "clip.mp4", [scene(RED), scene(BLUE)])))
    assert all(plane.base is not None for picture in found for plane in (picture.y, picture.u, picture.v))
    # Each keeps its own memory alive, also after the decoder went on.
    assert [shows(shown(each), colour) for each, colour in zip(found, (RED, BLUE), strict=True)] == [True] * 2


def test_a_picture_of_odd_size_keeps_all_its_pixels(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "clip.mkv", [scene(RED, size=(321, 181))], codec="ffv1")
    [found] = pictures(path)
    assert (found.width, found.height) == (321, 181)
    assert found.u.shape == (91, 161)
    assert shows(shown(found), RED, within=12)


@pytest.mark.parametrize(
    ("degrees", "red_at"),
    [(90, np.s_[-30:, :]), (-90, np.s_[:30, :]), (180, np.s_[:, -30:]), (0, np.s_[:, :30])],
)
def test_a_clip_of_a_turned_phone_comes_out_upright(
    degrees: int, red_at: tuple[slice, slice], tmp_path: Path
) -> None:
    lying = scene(BLUE).copy()
    lying[:, :64] = RED
    [found] = pictures(make_clip(tmp_path / "clip.mp4", [lying], rotation=degrees))
    upright = shown(found)
    assert upright.shape == ((640, 360, 3) if degrees % 180 else (360, 640, 3))
    assert np.abs(upright[red_at].reshape(-1, 3).mean(axis=0) - RED).max() < 40


def test_a_clip_that_is_cut_short_plays_as_far_as_it_goes(tmp_path: Path) -> None:
    whole = make_clip(tmp_path / "clip.ts", [scene(RED)] * 20, codec="mpeg2video")
    cut = tmp_path / "cut.ts"
    data = whole.read_bytes()
    cut.write_bytes(data[: len(data) // 2])
    assert 1 <= len(list(pictures(cut))) < 20


def test_broken_packets_are_skipped(tmp_path: Path) -> None:
    whole = make_clip(tmp_path / "clip.ts", [scene(RED, str(n)) for n in range(20)], codec="mpeg2video")
    data = bytearray(whole.read_bytes())
    random = np.random.default_rng(0)
    for start in range(5000, len(data) - 2000, 5000):
        data[start : start + 300] = random.integers(0, 255, 300, dtype=np.uint8).tobytes()
    broken = tmp_path / "broken.ts"
    broken.write_bytes(data)
    assert len(list(pictures(broken))) > 1


def silence(path: Path) -> Path:
    with wave.open(str(path), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        sound.writeframes(bytes(1600))
    return path


def test_a_source_without_video_says_so(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="has no video in it"):
        open_source(str(silence(tmp_path / "sound.wav")))


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("missing.mp4", "No such file"),
        ("text.mp4", "Invalid data"),
        ("empty.mp4", "Invalid data|End of file"),
        ("/dev/video99", "No such file"),
        ("http://127.0.0.1:1/live.ts", "refused"),
        ("rtsp://127.0.0.1:1/live", "refused"),
        ("nonsense://somewhere", "[Pp]rotocol"),
    ],
)
def test_a_source_that_cannot_be_opened_says_why_and_what_was_expected(
    url: str, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("text.mp4").write_text("no video at all\n" * 100)
    Path("empty.mp4").touch()
    with pytest.raises(SourceError, match=reason) as raised:
        open_source(url)
    assert str(raised.value).startswith(f"cannot open {url}: ")
    assert "Expected a video file, a camera" in str(raised.value)


def test_passwords_of_streams_are_not_shown() -> None:
    with pytest.raises(SourceError) as raised:
        open_source("rtsp://admin:hunter2@127.0.0.1:1/live")
    assert "hunter2" not in str(raised.value)
    assert "rtsp://127.0.0.1:1/live" in str(raised.value)


def test_recordings_are_not_live(tmp_path: Path) -> None:
    with open_source(str(make_clip(tmp_path / "clip.mp4", [scene(RED)]))) as opened:
        assert not opened.is_live
