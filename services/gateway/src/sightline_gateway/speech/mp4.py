"""How many samples an MP4 says that it has, before anything believes it.

FFmpeg makes an index entry for each, and some boxes say a number in four bytes: 17 kB can ask for
gigabytes. The media data itself (``mdat``) is skipped, whatever its bytes look like.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

_COUNTS = {b"stsz": 12, b"stz2": 12, b"trun": 8}
"""Box -> where its number of samples stands, in bytes behind its name."""
_RUNS = (b"stts", b"ctts")
"""Boxes of runs: how many there are, and then, in eight bytes each, how many samples and what of them."""
_PACKED = b"cmov"
_ENDLESS = 1 << 40


def declared_samples(data: bytes) -> int:
    """The sum of all numbers of samples that are claimed."""
    return sum(_claimed(part) for part in _without_media(data))


def _without_media(data: bytes) -> Iterator[bytes]:
    """The outermost boxes that are not media data; what is no proper box, with all behind it."""
    start = 0
    while start + 8 <= len(data):
        size, name = struct.unpack_from(">I4s", data, start)
        if size == 1 and start + 16 <= len(data):
            (size,) = struct.unpack_from(">Q", data, start + 8)
        if size == 0:
            size = len(data) - start
        if size < 8:
            yield data[start:]
            return
        if name != b"mdat":
            yield data[start : start + size]
        start += size


def _claimed(boxes: bytes) -> int:
    """What is claimed anywhere in them: a box counts wherever it stands, as it does for FFmpeg."""
    if _PACKED in boxes:
        return _ENDLESS  # Packed headers, which no recorder writes, cannot be looked into.
    counts = sum(
        _number(boxes, at + offset) for name, offset in _COUNTS.items() for at in _places(boxes, name)
    )
    return counts + sum(_of_runs(boxes, at) for name in _RUNS for at in _places(boxes, name))


def _of_runs(boxes: bytes, at: int) -> int:
    first = at + 12
    runs = min(_number(boxes, at + 8), (len(boxes) - first) // 8)
    return sum(_number(boxes, first + 8 * run) for run in range(max(0, runs)))


def _places(boxes: bytes, name: bytes) -> Iterator[int]:
    at = boxes.find(name)
    while at >= 0:
        yield at
        at = boxes.find(name, at + 1)


def _number(boxes: bytes, at: int) -> int:
    return int.from_bytes(boxes[at : at + 4], "big")
