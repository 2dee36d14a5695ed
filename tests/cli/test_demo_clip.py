"""The clip holds what the demo promises: text, a QR code, motion, stillness, scenes that differ."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from sightline_ingest import demo_clip

Pictures = Sequence[NDArray[np.uint8]]


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clip") / "demo.mp4"
    demo_clip.make(path)
    return path


@pytest.fixture(scope="module")
def scenes(clip: Path) -> list[Pictures]:
    """The decoded pictures of each scene, as whoever watches the clip gets them."""
    with av.open(str(clip)) as container:
        pictures = [frame.to_ndarray(format="bgr24") for frame in container.decode(video=0)]
    each = demo_clip.SCENE_SECONDS * demo_clip.FPS
    return [pictures[start : start + each] for start in range(0, len(pictures), each)]


def difference(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> float:
    """Mean difference of two pictures, 0 to 255."""
    return float(np.abs(one.astype(np.int16) - other.astype(np.int16)).mean())


def scene(scenes: list[Pictures], wanted: demo_clip.Scene) -> Pictures:
    return scenes[demo_clip.SCENES.index(wanted)]


def test_every_scene_has_its_length_and_size(scenes: list[Pictures]) -> None:
    assert [len(each) for each in scenes] == [demo_clip.SCENE_SECONDS * demo_clip.FPS] * len(demo_clip.SCENES)
    assert {each[0].shape for each in scenes} == {(demo_clip.HEIGHT, demo_clip.WIDTH, 3)}


def test_the_sign_stands_still_and_the_ball_moves(scenes: list[Pictures]) -> None:
    sign, ball = scene(scenes, demo_clip.sign), scene(scenes, demo_clip.ball)
    assert difference(sign[15], sign[-1]) < 1
    assert difference(ball[15], ball[-1]) > 5


def test_the_cuts_between_scenes_are_sharp(scenes: list[Pictures]) -> None:
    for before, after in pairwise(scenes):
        assert difference(before[-1], after[0]) > 20


def test_the_qr_code_can_be_read_from_the_encoded_clip(scenes: list[Pictures]) -> None:
    text, _, _ = cv2.QRCodeDetector().detectAndDecode(scene(scenes, demo_clip.qr_code)[30])
    assert text == demo_clip.QR_TEXT


def test_the_light_turns_from_red_to_green(scenes: list[Pictures]) -> None:
    light = scene(scenes, demo_clip.traffic_light)
    blue, green, red = light[5][140, 480]
    assert red > 180
    assert max(blue, green) < 90
    blue, green, red = light[-5][315, 480]
    assert green > 160
    assert max(blue, red) < 110


def test_the_room_ends_up_dark(scenes: list[Pictures]) -> None:
    room = scene(scenes, demo_clip.lights_out)
    assert room[0].mean() > 80
    assert room[-1].mean() < 15


def test_the_command_makes_the_clip_once_and_prints_its_path(tmp_path: Path) -> None:
    def run() -> Path:
        done = subprocess.run(
            [sys.executable, "-m", "sightline_ingest.demo_clip"],
            env={**os.environ, "XDG_CACHE_HOME": str(tmp_path)},
            capture_output=True,
            text=True,
            check=True,
            timeout=100,
        )
        return Path(done.stdout.strip())

    first = run()
    made = first.stat()
    assert first.is_relative_to(tmp_path)
    assert run() == first
    assert first.stat().st_mtime_ns == made.st_mtime_ns
    assert [each.name for each in first.parent.iterdir()] == [first.name]


def test_a_home_that_cannot_be_written_to_does_not_stop_the_demo(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(blocked))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert demo_clip.cached().is_relative_to(tmp_path)
    assert demo_clip.cached().exists()


def test_a_clip_that_cannot_be_made_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: float) -> demo_clip.Picture:
        raise MemoryError

    monkeypatch.setattr(demo_clip, "SCENES", (broken,))
    with pytest.raises(MemoryError):
        demo_clip.make(tmp_path / "demo.mp4")
    assert list(tmp_path.iterdir()) == []
