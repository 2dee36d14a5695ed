"""JPEG from I420 planes, read again by Pillow."""

from __future__ import annotations

import io

import av
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from PIL import Image

from sightline import imaging
from sightline_ingest import jpeg
from sightline_ingest.picture import Picture, Plane, rotated
from support.pictures import TAKEN_AT, picture, texture

LIMIT = 900_000


def pixels(data: bytes, mode: str = "RGB") -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image.convert(mode)).astype(np.int64)


def coloured(width: int, height: int) -> Picture:
    half = ((width + 1) // 2, (height + 1) // 2)
    y, u, v = texture(1, width, height), texture(2, *half), texture(3, *half)
    return Picture(y, u // 4 + 96, v // 4 + 96, TAKEN_AT)


def flat(y: int, u: int, v: int, full_range: bool = False) -> Picture:
    chroma = np.full((8, 8), 0, np.uint8)
    return Picture(np.full((16, 16), y, np.uint8), chroma + u, chroma + v, TAKEN_AT, full_range)


def test_it_looks_as_ffmpeg_would_show_it() -> None:
    source = coloured(320, 180)
    frame = av.VideoFrame.from_ndarray(
        np.concatenate([plane.ravel() for plane in (source.y, source.u, source.v)]).reshape(270, 320),
        format="yuv420p",
    )
    ours = jpeg.encode(source, 320, 95, LIMIT)
    assert np.abs(pixels(ours.data) - frame.to_ndarray(format="rgb24").astype(np.int64)).mean() < 2


@pytest.mark.parametrize(
    ("planes", "rgb"),
    [
        ((16, 128, 128), (0, 0, 0)),
        ((235, 128, 128), (255, 255, 255)),
        ((126, 128, 128), (128, 128, 128)),
        ((81, 90, 240), (255, 0, 0)),
        ((145, 54, 34), (0, 255, 0)),
        ((41, 240, 110), (0, 0, 255)),
    ],
)
def test_colours_of_video_come_out_right(planes: tuple[int, int, int], rgb: tuple[int, int, int]) -> None:
    found = pixels(jpeg.encode(flat(*planes), 16, 95, LIMIT).data)
    assert np.abs(found - rgb).max() <= 3


def test_a_picture_of_full_range_is_taken_as_it_is() -> None:
    found = pixels(jpeg.encode(flat(16, 128, 128, full_range=True), 16, 95, LIMIT).data)
    assert np.abs(found - 16).max() <= 1


@settings(max_examples=40)
@given(st.integers(1, 70), st.integers(1, 70), st.integers(1, 80), st.sampled_from([0, 90, 180, 270]))
def test_any_size_and_turn_makes_a_picture_of_about_that_size(
    width: int, height: int, max_width: int, degrees: int
) -> None:
    source = rotated(coloured(width, height), degrees)
    encoded = jpeg.encode(source, max_width, 80, LIMIT)
    header = imaging.check(encoded.data)
    assert (header.width, header.height) == (encoded.width, encoded.height)
    assert encoded.width == min(source.width, max_width) + min(source.width, max_width) % 2
    ideal = source.height * min(1, encoded.width / source.width)
    assert abs(encoded.height - ideal) < 2
    assert pixels(encoded.data).shape == (encoded.height, encoded.width, 3)


def test_a_picture_keeps_its_content_when_it_is_scaled_down() -> None:
    source = coloured(1280, 720)
    whole, half = jpeg.encode(source, 1280, 90, LIMIT), jpeg.encode(source, 640, 90, LIMIT)
    assert (half.width, half.height) == (640, 360)
    with Image.open(io.BytesIO(whole.data)) as image:
        expected = np.asarray(image.resize((640, 360))).astype(np.int64)
    assert np.abs(pixels(half.data) - expected).mean() < 2


def test_turned_pictures_come_out_upright() -> None:
    y = np.full((32, 64), 16, np.uint8)
    y[:, :16] = 235
    found = pixels(jpeg.encode(rotated(picture(y), 90), 640, 95, LIMIT).data, "L")
    assert found.shape == (64, 32)
    assert found[:12].min() > 240
    assert found[20:].max() < 15


@pytest.mark.parametrize("size", [(33, 32), (32, 33), (33, 33)])
def test_an_odd_picture_is_encoded_from_its_own_pixels_alone(size: tuple[int, int]) -> None:
    width, height = size

    def with_behind(filler: int) -> bytes:
        memory = np.full(width * (height + 2), filler, np.uint8)
        luma = memory[: width * height].reshape(height, width)
        luma[:] = texture(4, width, height)
        grey = picture(luma)
        return jpeg.encode(Picture(luma, grey.u, grey.v, TAKEN_AT, full_range=True), width, 80, LIMIT).data

    assert with_behind(0) == with_behind(255)


def test_rows_padded_by_a_decoder_make_the_same_picture() -> None:
    source = coloured(640, 360)

    def padded(plane: Plane) -> Plane:
        wide = np.zeros((plane.shape[0], plane.shape[1] + 64), np.uint8)
        wide[:, : plane.shape[1]] = plane
        return wide[:, : plane.shape[1]]

    loose = Picture(padded(source.y), padded(source.u), padded(source.v), TAKEN_AT)
    for width in (640, 320):
        assert jpeg.encode(loose, width, 80, LIMIT) == jpeg.encode(source, width, 80, LIMIT)


def test_noise_is_made_to_fit_by_quality_first_and_then_by_size() -> None:
    random = np.random.default_rng(0)
    noise = picture(random.integers(0, 255, (720, 1280), dtype=np.uint8))
    free = jpeg.encode(noise, 1280, 80, LIMIT)
    assert len(free.data) > 400_000
    less = jpeg.encode(noise, 1280, 80, 400_000)
    assert len(less.data) <= 400_000
    assert (less.width, less.height) == (1280, 720), "the quality alone was enough"
    least = jpeg.encode(noise, 1280, 80, 60_000)
    assert len(least.data) <= 60_000
    assert least.width < 1280
    assert abs(least.width / least.height - 1280 / 720) < 0.02
