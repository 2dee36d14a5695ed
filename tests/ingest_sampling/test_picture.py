"""Pictures over a buffer of I420."""

from __future__ import annotations

import numpy as np
import pytest

from sightline_ingest.picture import Picture, from_i420, rotated
from support.pictures import TAKEN_AT


def numbered(width: int, height: int) -> bytearray:
    half = ((width + 1) // 2) * ((height + 1) // 2)
    return bytearray([1] * (width * height) + [2] * half + [3] * half)


@pytest.mark.parametrize("size", [(4, 2), (5, 3), (1, 1), (1280, 720)])
def test_the_planes_lie_one_after_the_other(size: tuple[int, int]) -> None:
    made = from_i420(numbered(*size), *size, TAKEN_AT)
    assert (made.width, made.height) == size
    assert (made.y == 1).all()
    assert (made.u == 2).all()
    assert (made.v == 3).all()
    assert made.u.shape == made.v.shape == ((size[1] + 1) // 2, (size[0] + 1) // 2)


def test_the_planes_are_views_and_not_copies() -> None:
    buffer = numbered(4, 2)
    made = from_i420(buffer, 4, 2, TAKEN_AT)
    buffer[0] = 99
    assert made.y[0, 0] == 99


def test_a_buffer_that_is_too_small_is_refused_with_both_sizes() -> None:
    with pytest.raises(ValueError, match=r"4 × 2 takes 12 bytes, the buffer has 11"):
        from_i420(bytes(11), 4, 2, TAKEN_AT)


@pytest.mark.parametrize(
    ("degrees", "corner"), [(0, (0, 0)), (90, (0, -1)), (180, (-1, -1)), (270, (-1, 0)), (360, (0, 0))]
)
def test_turning_clockwise_takes_the_first_corner_along(degrees: int, corner: tuple[int, int]) -> None:
    buffer = bytearray(numbered(4, 2))
    buffer[0] = 200
    made = from_i420(buffer, 4, 2, TAKEN_AT, rotation=degrees)
    assert made.y[corner] == 200
    assert (made.width, made.height) == ((4, 2) if degrees % 180 == 0 else (2, 4))
    assert made.u.shape == (made.height // 2, made.width // 2)


def test_turning_keeps_time_and_range() -> None:
    plane = np.zeros((2, 2), np.uint8)
    turned = rotated(Picture(plane, plane[:1, :1], plane[:1, :1], TAKEN_AT, full_range=True), 90)
    assert (turned.captured_at, turned.full_range) == (TAKEN_AT, True)


def test_only_right_angles_are_taken() -> None:
    with pytest.raises(ValueError, match="multiples of 90 degrees, not by 45"):
        from_i420(numbered(4, 2), 4, 2, TAKEN_AT, rotation=45)
