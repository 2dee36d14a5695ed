"""What counts as a change on a shared screen: text, however small; not the pointer."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
import pytest
import simplejpeg
from hypothesis import assume, given, settings, strategies as st
from PIL import Image, ImageDraw, ImageFont

from sightline.messages import Source
from sightline.sampling.scene import YUV, Scene, View
from sightline.sampling.screen import ScreenScene, scene_of
from sightline_ingest.picture import Plane
from sightline_ingest.settings import SamplingSettings
from support.pictures import picture

SETTINGS = SamplingSettings()
LINES = tuple(f"{number + 1}. item {'abcdefghij'[number % 10] * 3} costs 1,204.50" for number in range(20))


@cache
def page(lines: tuple[str, ...] = LINES, size: int = 16, dark: bool = False) -> Plane:
    """A page of small text at 720p: its brightness."""
    paper, ink = (30, 220) if dark else (240, 20)
    painted = Image.new("L", (1280, 720), paper)
    font = ImageFont.load_default(size=size)
    for number, line in enumerate(lines):
        ImageDraw.Draw(painted).text((40, 40 + number * 2 * size), line, fill=ink, font=font)
    return np.asarray(painted)


def with_pointer(y: Plane, left: int, top: int) -> Plane:
    pointed = y.copy()
    arrow = ((0, 0), (0, 17), (4, 13), (7, 19), (10, 18), (7, 12), (12, 12))
    outline = np.array([(left + x, top + y) for x, y in arrow], np.int32)
    cv2.fillPoly(pointed, [outline], 0)
    cv2.polylines(pointed, [outline], True, 255)
    return pointed


def seen_after(first: Plane, second: Plane, source: Source = Source.SCREEN) -> View:
    scene = scene_of(source, SETTINGS.still_threshold, SETTINGS.scene_threshold)
    scene.begin(scene.look(picture(first)))
    return scene.view(scene.look(picture(second)))


def test_screens_are_judged_as_screens_and_all_else_as_cameras() -> None:
    kinds = {source: type(scene_of(source, 0.02, 0.1)) for source in Source}
    assert kinds == {Source.CAMERA: Scene, Source.SCREEN: ScreenScene, Source.OTHER: Scene}


def test_without_a_first_frame_everything_is_new() -> None:
    scene = ScreenScene(0.02, 0.1)
    assert scene.view(scene.look(picture(page()))) is View.NEW


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("size", [14, 16, 20])
def test_a_line_that_comes_to_a_chat_is_a_change(size: int, dark: bool) -> None:
    before, after = page(LINES[:9], size, dark), page(LINES[:10], size, dark)
    assert seen_after(before, after) is View.CHANGED
    assert seen_after(before, after, Source.CAMERA) is View.STILL, "too small for the eyes of a camera"


@given(st.integers(0, 19), st.integers(20_000, 99_999))
@settings(max_examples=25)
def test_a_figure_of_a_table_that_becomes_another_is_a_change(row: int, amount: int) -> None:
    changed = (*LINES[:row], LINES[row].replace("1,204.50", f"{amount:,}.99"), *LINES[row + 1 :])
    assert seen_after(page(), page(changed)) is View.CHANGED


def test_another_page_is_a_new_scene() -> None:
    assert seen_after(page(LINES[:2]), page(LINES, 22)) is View.NEW


@given(st.integers(0, 1260), st.integers(0, 690), st.integers(0, 1260), st.integers(0, 690))
@settings(max_examples=25)
def test_a_pointer_that_moves_and_a_caret_that_blinks_show_nothing_new(
    left: int, top: int, then_left: int, then_top: int
) -> None:
    # Side by side the two are as large as a word, and count as one.
    assume(abs(left - then_left) > 50 or abs(top - then_top) > 60)
    assume(min(abs(at - 700) for at in (left, then_left)) > 50)
    with_caret = page().copy()
    with_caret[360:378, 700:702] = 20
    assert (
        seen_after(with_pointer(page(), left, top), with_pointer(with_caret, then_left, then_top))
        is View.STILL
    )


@given(st.integers(55, 100))
@settings(max_examples=25)
def test_a_page_that_is_coded_anew_at_another_quality_shows_nothing_new(quality: int) -> None:
    pixels = np.repeat(page()[:, :, None], 3, axis=2)
    coded = simplejpeg.decode_jpeg(simplejpeg.encode_jpeg(pixels, quality=quality))
    assert seen_after(page(), YUV.of(coded).y) is View.STILL


@pytest.mark.parametrize("size", [(1, 1), (2, 2), (63, 35), (641, 361), (3840, 2160), (36, 640)])
def test_screens_of_any_size_have_a_thumbnail(size: tuple[int, int]) -> None:
    width, height = size
    scene = ScreenScene(0.02, 0.1)
    seen = scene.look(picture(np.full((height, width), 77, np.uint8)))
    assert seen.shape == (3, 144, 256)
    assert {float(plane.min()) for plane in seen} == {float(plane.max()) for plane in seen} == {77.0, 128.0}
