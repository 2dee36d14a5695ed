"""Pictures made smaller and larger."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from PIL import Image

from sightline.scaling import scaled
from support.pictures import texture


def drawn(width: int, height: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """A picture with edges, text and a corner that no other has."""
    picture = np.stack([texture(seed, width, height) for seed in (1, 2, 3)], axis=-1)
    picture[: height // 4, : width // 5] = (250, 240, 20)
    cv2.putText(picture, "EXIT 12", (width // 4, height // 2), 0, width / 300, (20, 20, 20), 6)
    return picture


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ((1280, 720), (1024, 576)),
        ((1280, 720), (640, 360)),
        ((1280, 720), (512, 288)),
        ((1920, 1080), (512, 288)),
        ((1920, 1080), (300, 300)),
        ((1921, 1081), (512, 288)),
        ((320, 180), (100, 56)),
        ((320, 180), (640, 360)),
    ],
)
def test_it_is_pillows_in_size_and_content(before: tuple[int, int], after: tuple[int, int]) -> None:
    picture = drawn(*before)

    ours = scaled(picture, *after)

    theirs = np.asarray(Image.fromarray(picture).resize(after, Image.Resampling.BICUBIC))
    assert ours.shape == theirs.shape
    assert np.abs(ours.astype(int) - theirs).mean() < 1.5


def test_no_row_and_no_column_of_a_large_picture_is_left_out() -> None:
    picture = np.zeros((720, 1280), np.uint8)
    picture[::45] = 255

    small = scaled(picture, 512, 288)

    assert abs(small.mean() - picture.mean()) < 0.5
    assert (small.max(axis=1) > 0).sum() >= 16, "each of the 16 lines is there"


def test_a_plane_whose_rows_are_padded_is_that_without_the_padding() -> None:
    plane = texture(1, 1344, 720)

    assert (scaled(plane[:, :1280], 512, 288) == scaled(plane[:, :1280].copy(), 512, 288)).all()


def test_a_picture_of_that_size_is_not_touched() -> None:
    picture = texture(1)

    assert scaled(picture, 640, 360) is picture
