"""Pictures from anybody: what becomes of them before a model is sent them."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from sightline_agent.images.settings import ImageSettings
from sightline_agent.images.still import ImageError, Still, still
from support.encoded import SVG, animation, encoded, gif_bomb, png_bomb

SETTINGS = ImageSettings()


def decoded(picture: Still) -> Image.Image:
    image = Image.open(io.BytesIO(picture.data))
    image.load()
    assert image.size == (picture.width, picture.height)
    return image


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_small_picture_stays_as_it_is_byte_for_byte(kind: str) -> None:
    data = encoded(kind)
    taken = still(data, SETTINGS)
    assert (taken.data, taken.content_type) == (data, f"image/{kind.lower()}")
    assert (taken.width, taken.height) == (64, 48)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF"])
def test_a_large_picture_is_made_to_fit_and_keeps_its_shape(kind: str) -> None:
    taken = still(encoded(kind, (1000, 500)), ImageSettings(image_max_side=100))
    assert (taken.width, taken.height) == (100, 50)
    red, green, blue = decoded(taken).convert("RGB").getpixel((50, 25))
    assert red > 240
    assert green < 15
    assert blue < 15


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
def test_of_an_animation_the_first_picture_is_taken(kind: str) -> None:
    taken = still(animation(kind), SETTINGS)
    image = decoded(taken)
    assert getattr(image, "n_frames", 1) == 1
    assert taken.content_type in ("image/png", "image/jpeg")
    assert image.convert("RGB").getpixel((5, 5))[0] > 240


def test_a_photo_that_lies_on_its_side_is_set_upright_and_loses_what_it_tells_of_its_place() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010F] = "a camera"
    taken = still(encoded("JPEG", (64, 32), exif=exif), SETTINGS)
    assert (taken.width, taken.height) == (32, 64)
    assert not decoded(taken).getexif()


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_what_shines_through_is_white_when_a_picture_is_made_to_fit(mode: str) -> None:
    nothing = {"RGBA": (0, 0, 0, 0), "LA": (0, 0)}[mode]
    buffer = io.BytesIO()
    Image.new(mode, (200, 200), nothing).save(buffer, "PNG")
    taken = still(buffer.getvalue(), ImageSettings(image_max_side=100))
    assert decoded(taken).getpixel((50, 50)) == (255, 255, 255)


def test_of_sixteen_bits_of_grey_the_upper_ones_are_kept() -> None:
    buffer = io.BytesIO()
    Image.new("I;16", (200, 200), 128 * 256).save(buffer, "PNG")
    taken = still(buffer.getvalue(), ImageSettings(image_max_side=100))
    assert abs(decoded(taken).getpixel((50, 50))[0] - 128) <= 2


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "expected a JPEG, PNG, WebP or GIF"),
        (b"GIF89", "expected a JPEG, PNG, WebP or GIF"),
        (SVG, "expected a JPEG, PNG, WebP or GIF"),
        (b"%PDF-1.7 \xff\xd8\xff", "expected a JPEG, PNG, WebP or GIF"),
        (encoded("BMP"), "expected a JPEG, PNG, WebP or GIF"),
        (encoded("TIFF"), "expected a JPEG, PNG, WebP or GIF"),
        (encoded("JPEG")[:-30], "no end"),
        (encoded("PNG")[:-20], "no end"),
        (encoded("GIF")[:40], "is broken"),
        (b"GIF89a" + bytes(7), "0 × 0"),
        (png_bomb(), "20000 × 20000"),
        (b"GIF89a\xff\xff\xff\xff" + encoded("GIF")[10:], "65535 × 65535"),
        (gif_bomb(5_000), "two sizes"),
        (gif_bomb(60_000), "3600000000 pixels"),
    ],
)
def test_what_is_no_picture_is_refused_and_says_why(data: bytes, why: str) -> None:
    with pytest.raises(ImageError, match=why):
        still(data, SETTINGS)


def test_a_picture_that_is_broken_behind_its_header_is_refused() -> None:
    buffer = io.BytesIO()
    Image.effect_noise((200, 200), 50).save(buffer, "PNG")
    data = bytearray(buffer.getvalue())
    middle = len(data) // 2
    data[middle : middle + 500] = bytes(500)
    with pytest.raises(ImageError, match="is broken"):
        still(bytes(data), SETTINGS)


def test_a_webp_that_is_cut_and_says_that_this_is_all_is_refused() -> None:
    buffer = io.BytesIO()
    Image.effect_noise((200, 200), 50).convert("RGB").save(buffer, "WEBP")
    cut = buffer.getvalue()[: buffer.tell() // 4 * 2]
    sizes = (len(cut) - 8).to_bytes(4, "little"), (len(cut) - 20).to_bytes(4, "little")
    with pytest.raises(ImageError, match="is broken"):
        still(cut[:4] + sizes[0] + cut[8:16] + sizes[1] + cut[20:], SETTINGS)


def test_a_jpeg_of_many_passes_is_refused() -> None:
    data = encoded("JPEG", progressive=True)
    scan = data[data.index(b"\xff\xda") : -2]
    with pytest.raises(ImageError, match="scans"):
        still(data[:-2] + 65 * scan + data[-2:], SETTINGS)


def test_more_bytes_or_pixels_than_allowed_are_refused_with_the_limit() -> None:
    with pytest.raises(ImageError, match="1,000 are taken"):
        still(encoded("PNG", (400, 400), "white") + bytes(1000), ImageSettings(image_max_bytes=1000))
    with pytest.raises(ImageError, match="1 to 100 are taken"):
        still(encoded("PNG", (11, 10)), ImageSettings(image_max_pixels=100))
