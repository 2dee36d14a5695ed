"""Pictures that anybody may have sent: checked from the header, then decoded.

Formats are recognised by their first bytes, never by a name. JPEG goes through libjpeg-turbo
(simplejpeg), the rest through Pillow, which is never asked to load more pixels than allowed.
"""

from __future__ import annotations

import io
from typing import NamedTuple

import numpy as np
import simplejpeg
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from sightline.errors import DecodeError

MAX_PIXELS = 3840 * 2160 * 2
"""Pictures with more pixels are refused from their header: twice 4K."""

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
    if content_type == "image/jpeg":
        header = _jpeg_header(data)
    else:
        with _open(data) as image:
            header = PictureHeader(content_type, *image.size)
    if header.width * header.height > max_pixels:
        raise DecodeError(
            f"the picture is {header.width} × {header.height} pixels; at most {max_pixels:,} are taken", data
        )
    return header


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
            # With no minimum simplejpeg decodes at full size.
            return simplejpeg.decode_jpeg(data, "RGB", min_width=min_width, min_height=min_height)
        with _open(data) as image:
            return np.asarray(image.convert("RGB"))
    except (ValueError, OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise DecodeError(f"broken {header.content_type}: {error}"[:300], data) from error


def _jpeg_header(data: bytes) -> PictureHeader:
    try:
        height, width, _, _ = simplejpeg.decode_jpeg_header(data)
    except ValueError as error:
        raise DecodeError(f"broken JPEG header: {error}"[:300], data) from error
    # A few bytes of padding behind the end marker are legal and common.
    if b"\xff\xd9" not in data[-64:]:
        raise DecodeError(f"the JPEG of {len(data)} bytes is cut short: it has no end", data)
    return PictureHeader("image/jpeg", int(width), int(height))


def _open(data: bytes) -> Image.Image:
    try:
        return Image.open(io.BytesIO(data), formats=("PNG", "WEBP"))
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError) as error:
        raise DecodeError(f"{_EXPECTED}: {error}"[:300], data) from error
    except Image.DecompressionBombError as error:
        raise DecodeError(f"the picture has too many pixels: {error}", data) from error
