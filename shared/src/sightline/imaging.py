"""Pictures that anybody may have sent: checked from the header, then decoded.

Formats are recognised by their first bytes, never by a name, and sizes are read from fixed places,
so a check costs no memory whatever the picture claims. JPEG is decoded by libjpeg-turbo
(simplejpeg), PNG and WebP by Pillow.
"""

from __future__ import annotations

import io
import struct
from typing import NamedTuple

import numpy as np
import simplejpeg
from numpy.typing import NDArray
from PIL import Image

from sightline.errors import DecodeError

MAX_PIXELS = 3840 * 2160 * 2
"""Pictures with more pixels are refused from their header: twice 4K."""

MAX_SCANS = 64
"""Passes of a progressive JPEG; cameras and browsers make ten. Each costs 10 ms at ``MAX_PIXELS``
and as little as 31 bytes."""

_FORMATS = {
    b"\xff\xd8\xff": "image/jpeg",
    b"\x89PNG\r\n\x1a\n": "image/png",
}
_EXPECTED = "expected a JPEG, PNG or WebP picture"


class PictureHeader(NamedTuple):
    """What a picture says of itself.

    Attributes:
        content_type: ``image/jpeg``, ``image/png`` or ``image/webp``, from the first bytes.
        width: Pixels.
        height: Pixels.
    """

    content_type: str
    width: int
    height: int


def sniff(data: bytes) -> str | None:
    """The content type that the first bytes tell, or None for anything but JPEG, PNG and WebP."""
    for magic, content_type in _FORMATS.items():
        if data.startswith(magic):
            return content_type
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    return None


def check(data: bytes, max_pixels: int = MAX_PIXELS) -> PictureHeader:
    """Read a picture's header, without decoding it.

    Args:
        data: The encoded picture.
        max_pixels: Width × height that is still taken.

    Raises:
        DecodeError: It is of no known format, says it is larger, or is a JPEG without an end.
    """
    content_type = sniff(data)
    if content_type is None:
        raise DecodeError(f"{_EXPECTED}, got {len(data)} bytes that begin with {data[:8]!r}", data)
    try:
        width, height = _SIZES[content_type](data)
    except (ValueError, struct.error) as error:
        raise DecodeError(f"broken {content_type} header: {error}"[:300], data) from error
    if not 0 < width * height <= max_pixels:
        raise DecodeError(f"the picture is {width} × {height} pixels; 1 to {max_pixels:,} are taken", data)
    if not _has_end(content_type, data):
        raise DecodeError(f"the {content_type} of {len(data)} bytes is cut short: it has no end", data)
    return PictureHeader(content_type, width, height)


def decode(
    data: bytes, max_pixels: int = MAX_PIXELS, min_width: int = 0, min_height: int = 0
) -> NDArray[np.uint8]:
    """Decode a picture.

    Args:
        data: A JPEG, PNG or WebP picture.
        max_pixels: Width × height that is still taken.
        min_width: With ``min_height``: a JPEG may come out at a half, a quarter or an eighth of its
            size, as long as it is at least this large; decoding is faster by as much. 0: full size.
        min_height: See ``min_width``.

    Returns:
        height × width × 3, uint8, RGB.

    Raises:
        DecodeError: See ``check``; or the picture is broken behind its header.
    """
    header = check(data, max_pixels)
    try:
        if header.content_type == "image/jpeg":
            return _decode_jpeg(data, min_width, min_height)
        return _decode_by_pillow(data, header)
    except Exception as error:
        # Broken files fail in many ways (struct.error, EOFError, zlib.error, …), all meaning this.
        raise DecodeError(f"broken {header.content_type}: {error}"[:300], data) from error


def _decode_jpeg(data: bytes, min_width: int, min_height: int) -> NDArray[np.uint8]:
    if data.count(b"\xff\xda") > MAX_SCANS:
        raise ValueError(f"more than {MAX_SCANS} scans")
    # Less than halving, by 5/8 for instance, takes libjpeg longer than decoding in full.
    scaling = {"min_width": min_width, "min_height": min_height, "min_factor": 2}
    pixels: NDArray[np.uint8] = simplejpeg.decode_jpeg(
        data, "RGB", **(scaling if min_width or min_height else {})
    )
    return pixels


def _decode_by_pillow(data: bytes, header: PictureHeader) -> NDArray[np.uint8]:
    with Image.open(io.BytesIO(data), formats=("PNG", "WEBP")) as image:
        # A second size further down the file would be taken for the true one.
        if image.size != (header.width, header.height):
            raise ValueError(f"it has two sizes: {header.width} × {header.height} and {image.size}")
        if image.mode.startswith("I;16"):  # Pillow would clip all but the darkest 256 greys
            grey = (np.asarray(image) >> 8).astype(np.uint8)
            return np.repeat(grey[:, :, None], 3, axis=2)
        return np.array(image.convert("RGB"))


def _jpeg_size(data: bytes) -> tuple[int, int]:
    height, width, _, _ = simplejpeg.decode_jpeg_header(data)
    return int(width), int(height)


def _png_size(data: bytes) -> tuple[int, int]:
    if data[12:16] != b"IHDR":
        raise ValueError(f"expected IHDR first, got {data[12:16]!r}")
    width, height = struct.unpack(">II", data[16:24])
    return width, height


def _webp_size(data: bytes) -> tuple[int, int]:
    kind = data[12:16]
    if kind == b"VP8X":
        sides = data[24:30]
        if len(sides) < 6:
            raise ValueError("it ends within the size")
        return int.from_bytes(sides[:3], "little") + 1, int.from_bytes(sides[3:], "little") + 1
    if kind == b"VP8L":
        (bits,) = struct.unpack("<I", data[21:25])
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == b"VP8 ":
        width, height = struct.unpack("<HH", data[26:30])
        return width & 0x3FFF, height & 0x3FFF
    raise ValueError(f"expected VP8, VP8L or VP8X, got {kind!r}")


_SIZES = {"image/jpeg": _jpeg_size, "image/png": _png_size, "image/webp": _webp_size}


def _has_end(content_type: str, data: bytes) -> bool:
    # A few bytes of padding behind the end are legal and common.
    if content_type == "image/jpeg":
        return b"\xff\xd9" in data[-64:]
    if content_type == "image/png":
        return b"IEND" in data[-64:]
    return len(data) >= 8 + int.from_bytes(data[4:8], "little")
