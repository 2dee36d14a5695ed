"""What counts as another scene, and what a camera does by itself."""

from __future__ import annotations

import itertools

import cv2
import numpy as np
import pytest
from hypothesis import given, strategies as st

from sightline.sampling.scene import Scene, View, difference, thumbnail
from sightline_ingest.picture import Picture, Plane, rotated
from sightline_ingest.settings import SamplingSettings
from support.pictures import picture, texture

SETTINGS = SamplingSettings()


def seen_after(first: Plane, second: Plane) -> View:
    scene = Scene(SETTINGS.still_threshold, SETTINGS.scene_threshold)
    scene.begin(thumbnail(picture(first)))
    return scene.view(thumbnail(picture(second)))


def clipped(values: object) -> Plane:
    return np.clip(values, 0, 255).astype(np.uint8)  # type: ignore[call-overload, no-any-return]


def with_object(y: Plane, share: float) -> Plane:
    """A square that covers that share of the picture, bright on dark and dark on bright."""
    height, width = y.shape
    side = (share**0.5 * np.array([width, height])).round().astype(int)
    changed = y.copy()
    left, top = width // 4, height // 4
    square = changed[top : top + side[1], left : left + side[0]]
    square[:] = (square.astype(int) + 128) % 256
    return changed


def page(lines: int, words: str = "the quick brown fox jumps over the lazy dog") -> Plane:
    """A screen share: dark text on white."""
    y = np.full((720, 1280), 235, np.uint8)
    for line in range(lines):
        cv2.putText(y, words, (40, 60 + 40 * line), cv2.FONT_HERSHEY_SIMPLEX, 1.4, 16, 3)
    return y


def test_without_a_first_frame_everything_is_new() -> None:
    assert Scene(0.02, 0.1).view(thumbnail(picture(texture(1)))) is View.NEW


@given(st.integers(0, 10_000))
def test_a_scene_looks_like_itself(seed: int) -> None:
    seen = thumbnail(picture(texture(seed)))
    assert difference(seen, seen) == 0


@given(st.integers(0, 10_000), st.integers(0, 10_000))
def test_differences_are_shares_and_other_scenes_are_new(first: int, second: int) -> None:
    share = difference(thumbnail(picture(texture(first))), thumbnail(picture(texture(second))))
    assert 0 <= share <= 1
    assert (share > SETTINGS.scene_threshold) == (first != second)


@given(st.integers(0, 1000), st.floats(0, 12))
def test_noise_shows_nothing_new(seed: int, sigma: float) -> None:
    y = texture(seed)
    noise = np.random.default_rng(seed).normal(0, sigma, y.shape)
    assert seen_after(y, clipped(y + noise)) is View.STILL


@given(st.integers(0, 1000), st.floats(-20, 20))
def test_light_that_flickers_shows_nothing_new(seed: int, levels: float) -> None:
    y = clipped(texture(seed) * 0.7 + 36)
    assert seen_after(y, clipped(y + levels)) is View.STILL


@given(st.integers(0, 1000), st.floats(0.8, 1.25))
def test_exposure_that_adapts_shows_nothing_new(seed: int, gain: float) -> None:
    y = clipped(texture(seed) * 0.75)
    assert seen_after(y, clipped(y * gain)) is View.STILL


def test_bands_of_mains_flicker_show_nothing_new() -> None:
    y = clipped(texture(3) * 0.8 + 20)
    bands = 9 * np.sin(np.linspace(0, 20, y.shape[0]))[:, None]
    assert seen_after(y, clipped(y + bands)) is View.STILL


def test_lights_that_go_out_are_a_new_scene() -> None:
    y = texture(5)
    assert seen_after(y, clipped(y * 0.15)) is View.NEW


@given(st.integers(0, 1000), st.floats(0.13, 0.4))
def test_a_large_object_is_a_new_scene(seed: int, share: float) -> None:
    y = texture(seed)
    assert seen_after(y, with_object(y, share)) is View.NEW


@given(st.integers(0, 1000))
def test_a_small_object_is_a_change_within_the_scene(seed: int) -> None:
    y = texture(seed)
    assert seen_after(y, with_object(y, 0.05)) is View.CHANGED


def test_a_mouse_pointer_shows_nothing_new() -> None:
    y = page(8)
    pointer = y.copy()
    cv2.rectangle(pointer, (600, 400), (616, 424), 16, -1)
    assert seen_after(y, pointer) is View.STILL


def test_a_line_of_text_is_a_change_and_another_page_is_a_new_scene() -> None:
    assert seen_after(page(3), page(4)) is not View.STILL
    assert seen_after(page(4), page(16)) is View.NEW


def test_another_colour_of_the_same_brightness_is_a_new_scene() -> None:
    grey = picture(np.full((360, 640), 90, np.uint8))
    red = Picture(grey.y, grey.u - 20, grey.v + 80, grey.captured_at)
    scene = Scene(SETTINGS.still_threshold, SETTINGS.scene_threshold)
    scene.begin(thumbnail(grey))
    assert scene.view(thumbnail(red)) is View.NEW


def test_white_balance_that_drifts_shows_nothing_new() -> None:
    grey = picture(texture(1))
    warmer = Picture(grey.y, grey.u - 10, grey.v + 10, grey.captured_at)
    scene = Scene(SETTINGS.still_threshold, SETTINGS.scene_threshold)
    scene.begin(thumbnail(grey))
    assert scene.view(thumbnail(warmer)) is View.STILL


def test_a_slow_pan_adds_up_to_a_new_scene() -> None:
    wide = texture(7, width=1280)
    scene = Scene(SETTINGS.still_threshold, SETTINGS.scene_threshold)
    seen = [thumbnail(picture(wide[:, left : left + 640])) for left in range(0, 640, 2)]
    scene.begin(seen[0])
    views = [scene.view(each) for each in seen]
    steps = [difference(before, after) for before, after in itertools.pairwise(seen)]
    assert max(steps) <= SETTINGS.still_threshold, "no step can be seen by itself"
    assert View.STILL in views[:10]
    assert views[-1] is View.NEW


def test_an_even_picture_is_no_division_by_zero() -> None:
    flat = np.full((90, 160), 100, np.uint8)
    assert seen_after(flat, flat) is View.STILL
    assert seen_after(flat, clipped(flat + 20)) is View.STILL
    assert seen_after(flat, texture(2)[:90, :160]) is not View.STILL


@pytest.mark.parametrize("size", [(1, 1), (2, 2), (63, 35), (641, 361), (3840, 2160), (36, 640)])
def test_pictures_of_any_size_have_a_thumbnail(size: tuple[int, int]) -> None:
    width, height = size
    y = np.full((height, width), 77, np.uint8)
    for degrees in (0, 90):
        assert thumbnail(rotated(picture(y), degrees)).tolist() == [
            [[level] * 64] * 36 for level in (77.0, 128.0, 128.0)
        ]


def test_the_size_of_the_picture_does_not_matter() -> None:
    large = texture(9, 1920, 1080)
    small = np.asarray(cv2.resize(large, (320, 180), interpolation=cv2.INTER_AREA), np.uint8)
    assert seen_after(large, small) is View.STILL
