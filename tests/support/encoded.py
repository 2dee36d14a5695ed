"""Encoded pictures, good and bad, small enough to make in a test."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

from PIL import Image

SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'


def encoded(
    kind: str = "PNG",
    size: tuple[int, int] = (64, 48),
    colour: str = "red",
    mode: str = "RGB",
    **options: Any,
) -> bytes:
    """A picture of one colour, as Pillow encodes it."""
    buffer = io.BytesIO()
    Image.new(mode, size, colour).save(buffer, kind, **options)
    return buffer.getvalue()


def png_bomb(width: int = 20_000, height: int = 20_000) -> bytes:
    """A PNG whose header claims that size; there is next to nothing in it."""
    size = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    chunks = [(b"IHDR", size), (b"IDAT", zlib.compress(bytes(1000))), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in chunks
    )


def gif_bomb(side: int = 60_000) -> bytes:
    """A GIF of 10 × 10 pixels whose first picture claims ``side`` × ``side``."""
    data = bytearray(encoded("GIF", (10, 10)))
    at = data.index(b"\x2c", 13 + 3 * 2 ** ((data[10] & 7) + 1))
    data[at + 5 : at + 9] = struct.pack("<HH", side, side)
    return bytes(data)


def animation(kind: str = "GIF") -> bytes:
    """Two pictures: red, then blue."""
    buffer = io.BytesIO()
    red, blue = Image.new("RGB", (32, 24), "red"), Image.new("RGB", (32, 24), "blue")
    red.save(buffer, kind, save_all=True, append_images=[blue], duration=100)
    return buffer.getvalue()
