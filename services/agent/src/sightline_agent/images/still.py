"""A picture that anybody may have sent, as a model is sent it: checked, whole, upright, of bounded size."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageOps

from sightline import imaging
from sightline.errors import DecodeError, SightlineError
from sightline_agent.images.settings import ImageSettings

JPEG_QUALITY = 85
_ORIENTATION = 0x0112
_GIFS = (b"GIF87a", b"GIF89a")


class ImageError(SightlineError):
    """An image is not taken. The message says why, and is fit to be shown to whoever sent it."""


@dataclass(frozen=True, slots=True)
class Still:
    """One picture, checked.

    Attributes:
        data: Encoded as ``content_type``: ``image/jpeg``, ``image/png`` or ``image/webp``.
        width: Pixels.
        height: Pixels.
    """

    data: bytes
    content_type: str
    width: int
    height: int

    @property
    def url(self) -> str:
        """As a data URL."""
        return f"data:{self.content_type};base64,{base64.b64encode(self.data).decode()}"


def still(data: bytes, settings: ImageSettings) -> Still:
    """Check a picture, and make it fit. Takes up to half a second: not for the event loop.

    The type is told by the bytes. Sizes are read from the header before anything is decoded; then
    it is decoded, because a picture that turns out to be broken would fail every later turn. What is
    small enough and needs no change stays as it is, byte for byte; the first picture of a GIF, or of any
    other animation, becomes a still.

    Raises:
        ImageError: It is of no known format, too large, or broken.
    """
    if len(data) > settings.image_max_bytes:
        raise ImageError(f"the image has {len(data):,} bytes; {settings.image_max_bytes:,} are taken")
    kind, width, height = _header(data, settings.image_max_pixels)
    try:
        with Image.open(io.BytesIO(data), formats=("JPEG", "PNG", "WEBP", "GIF")) as image:
            # A second size further down the file would be taken for the true one.
            if image.size != (width, height):
                raise ValueError(f"it has two sizes: {width} × {height} and {image.size}")
            return _fitted(data, kind, image, settings.image_max_side)
    except Exception as error:
        # Broken files fail in many ways (struct.error, EOFError, zlib.error, …), all meaning this.
        raise ImageError(f"the image ({kind}) is broken: {error}"[:300]) from error


def _header(data: bytes, max_pixels: int) -> tuple[str, int, int]:
    if data.startswith(_GIFS):
        width, height = int.from_bytes(data[6:8], "little"), int.from_bytes(data[8:10], "little")
        if not 0 < width * height <= max_pixels:
            raise ImageError(f"the picture is {width} × {height} pixels; 1 to {max_pixels:,} are taken")
        return "image/gif", width, height
    if imaging.sniff(data) is None:
        raise ImageError("expected a JPEG, PNG, WebP or GIF picture, got something else")
    try:
        return imaging.check(data, max_pixels)
    except DecodeError as error:
        raise ImageError(str(error)) from error


def _fitted(data: bytes, kind: str, image: Image.Image, max_side: int) -> Still:
    if data.count(b"\xff\xda") > imaging.MAX_SCANS and kind == "image/jpeg":
        raise ValueError(f"more than {imaging.MAX_SCANS} scans")
    changes = (
        kind == "image/gif"
        or max(image.size) > max_side
        or image.getexif().get(_ORIENTATION, 1) != 1
        or getattr(image, "is_animated", False)
    )
    if changes:
        image.draft("RGB", (max_side, max_side))
    size = image.size
    image.load()
    if not changes:
        return Still(data, kind, *size)
    upright = _opaque(ImageOps.exif_transpose(image))
    upright.thumbnail((max_side, max_side))
    return _encoded(upright, "PNG" if kind == "image/gif" else "JPEG")


def _opaque(image: Image.Image) -> Image.Image:
    """RGB. What shines through becomes white: black writing on nothing stays readable."""
    if image.mode.startswith("I"):  # Pillow would clip all but the darkest 256 greys
        return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8)).convert("RGB")
    if not image.has_transparency_data:
        return image.convert("RGB")
    layer = image.convert("RGBA")
    ground = Image.new("RGBA", layer.size, "white")
    return Image.alpha_composite(ground, layer).convert("RGB")


def _encoded(image: Image.Image, kind: str) -> Still:
    target = io.BytesIO()
    # A new picture: nothing that the old one told of its camera and place goes along.
    Image.fromarray(np.asarray(image)).save(target, kind, quality=JPEG_QUALITY)
    return Still(target.getvalue(), f"image/{kind.lower()}", *image.size)
