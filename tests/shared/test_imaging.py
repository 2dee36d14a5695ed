"""Pictures from anybody: refused from the header, or decoded, and nothing in between."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
import simplejpeg
from hypothesis import given, strategies as st
from PIL import Image

from sightline import imaging
from sightline.errors import DecodeError


def ramp(width: int, height: int) -> np.ndarray:
    values = np.linspace(0, 255, width * height * 3)
    return values.reshape(height, width, 3).astype(np.uint8)


def jpeg(width: int = 64, height: int = 48) -> bytes:
    return bytes(simplejpeg.encode_jpeg(ramp(width, height), 90))


def pillow(kind: str, picture: Image.Image | None = None, **options: object) -> bytes:
    buffer = io.BytesIO()
    (picture or Image.fromarray(ramp(64, 48))).save(buffer, kind, **options)
    return buffer.getvalue()


def png(width: int, height: int, *more: tuple[bytes, bytes]) -> bytes:
    """A black 8-bit grey PNG, packed row by row so that a bomb costs the test nothing either."""
    packer = zlib.compressobj()
    rows = b"".join(packer.compress(bytes(width + 1)) for _ in range(height)) + packer.flush()
    size = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    chunks = [(b"IHDR", size), *more, (b"IDAT", rows), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in chunks
    )


def claiming(data: bytes, width: int, height: int) -> bytes:
    """A JPEG whose header says another size than it has."""
    at = data.index(b"\xff\xc0") + 5
    return data[:at] + struct.pack(">HH", height, width) + data[at + 4 :]


def webp_claiming(width: int, height: int) -> bytes:
    """A WebP with an extended header of that size, and a small picture inside."""
    extended = pillow("WEBP", Image.new("RGBA", (8, 8), (1, 2, 3, 4)), exif=b"Exif\0\0MM\0*\0\0\0\x08\0\0")
    assert extended[12:16] == b"VP8X"
    sides = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return extended[:24] + sides + extended[30:]


GOOD = {
    "jpeg": jpeg(),
    "progressive jpeg": pillow("JPEG", progressive=True),
    "grey jpeg": pillow("JPEG", Image.new("L", (64, 48), 77)),
    "cmyk jpeg": pillow("JPEG", Image.new("CMYK", (64, 48))),
    "padded jpeg": jpeg() + bytes(16),
    "png": pillow("PNG"),
    "transparent png": pillow("PNG", Image.new("RGBA", (64, 48), (9, 9, 9, 0))),
    "palette png": pillow("PNG", Image.new("P", (64, 48))),
    "webp": pillow("WEBP"),
    "lossless webp": pillow("WEBP", lossless=True),
    "extended webp": pillow("WEBP", Image.new("RGBA", (64, 48), (1, 2, 3, 4)), lossless=True),
    "animated webp": pillow(
        "WEBP", Image.new("RGB", (64, 48)), save_all=True, append_images=[Image.new("RGB", (64, 48), "red")]
    ),
}


@pytest.mark.parametrize("name", GOOD)
def test_a_good_picture_is_decoded_to_rgb_at_the_size_of_its_header(name: str) -> None:
    header = imaging.check(GOOD[name])
    pixels = imaging.decode(GOOD[name])
    assert header == (f"image/{name.split()[-1]}", 64, 48)
    assert pixels.shape == (48, 64, 3)
    assert pixels.dtype == np.uint8
    assert pixels.flags.writeable


@pytest.mark.parametrize("name", ["jpeg", "png", "webp"])
def test_what_is_decoded_is_what_was_encoded(name: str) -> None:
    assert np.abs(imaging.decode(GOOD[name]).astype(int) - ramp(64, 48)).mean() < 6


def test_sixteen_bits_of_grey_become_eight() -> None:
    deep = np.linspace(0, 65535, 64 * 48).reshape(48, 64).astype(np.uint16)
    pixels = imaging.decode(pillow("PNG", Image.fromarray(deep)))
    np.testing.assert_array_equal(pixels, np.repeat((deep >> 8)[:, :, None], 3, axis=2))


@pytest.mark.parametrize(
    ("at_least", "size"),
    [
        ((0, 0), (640, 480)),
        ((640, 480), (640, 480)),
        ((321, 1), (640, 480)),
        ((320, 240), (320, 240)),
        ((100, 0), (160, 120)),
        ((1, 1), (80, 60)),
        ((2000, 2000), (640, 480)),
    ],
)
def test_a_jpeg_is_decoded_smaller_where_that_is_enough(
    at_least: tuple[int, int], size: tuple[int, int]
) -> None:
    pixels = imaging.decode(jpeg(640, 480), min_width=at_least[0], min_height=at_least[1])
    assert pixels.shape == (size[1], size[0], 3)


def test_other_formats_are_decoded_at_full_size() -> None:
    assert imaging.decode(GOOD["png"], min_width=8, min_height=8).shape == (48, 64, 3)


HALF = len(jpeg(640, 480)) // 2
BAD = {
    "empty": b"",
    "one byte": b"\xff",
    "noise": bytes(range(256)) * 8,
    "svg": b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>',
    "gif": pillow("GIF"),
    "bmp": pillow("BMP"),
    "tiff": pillow("TIFF"),
    "jpeg cut in half": jpeg(640, 480)[:HALF],
    "jpeg without its middle": jpeg(640, 480)[:700] + b"\xff\xd9",
    "jpeg with markers in its data": jpeg(640, 480)[:HALF] + b"\xff\xd8" * 9 + jpeg(640, 480)[HALF:],
    "jpeg of nothing but magic": b"\xff\xd8\xff\xd9",
    "jpeg of no width": claiming(jpeg(), 0, 48),
    "png cut in half": GOOD["png"][: len(GOOD["png"]) // 2],
    "png of nothing but magic": GOOD["png"][:8],
    "png of no width": png(0, 5),
    "png with noise for pixels": png(8, 8).replace(b"IDAT", b"IDAT\xff\xfe"),
    "png of two sizes": png(8, 8, (b"IHDR", struct.pack(">IIBBBBB", 9_000, 9_000, 8, 0, 0, 0, 0))),
    "png with a text bomb": png(8, 8, (b"zTXt", b"k\0\0" + zlib.compress(bytes(10_000_000)))),
    "webp cut in half": GOOD["webp"][: len(GOOD["webp"]) // 2],
    "webp of nothing but magic": GOOD["webp"][:12],
    "webp of another kind": GOOD["webp"][:12] + b"VP9 " + GOOD["webp"][16:],
    "webp whose parts disagree": webp_claiming(64, 48),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_picture_is_a_decode_error_and_never_retried(name: str) -> None:
    with pytest.raises(DecodeError) as raised:
        imaging.decode(BAD[name])
    assert not raised.value.retryable
    assert raised.value.raw == BAD[name][:4096]


@pytest.mark.parametrize("name", [name for name in BAD if "cut in half" in name])
def test_a_cut_picture_is_refused_without_decoding_it(name: str) -> None:
    with pytest.raises(DecodeError, match=r"broken|is cut short: it has no end"):
        imaging.check(BAD[name])


def test_a_gif_is_known_by_its_bytes_and_the_error_says_what_is_taken() -> None:
    assert imaging.sniff(BAD["gif"]) is None
    with pytest.raises(DecodeError, match=r"expected a JPEG, PNG or WebP picture, got .* b'GIF8"):
        imaging.check(BAD["gif"])


def test_a_jpeg_with_corrupt_entropy_data_is_refused_or_comes_out_at_its_size() -> None:
    good = jpeg(640, 480)
    refused = 0
    for at in range(HALF, len(good) - 40, 97):
        try:
            pixels = imaging.decode(good[:at] + b"\xff\x00\xaa\x55" * 6 + good[at + 24 :])
        except DecodeError:
            refused += 1
        else:
            assert pixels.shape == (480, 640, 3)
    assert refused, "libjpeg notices some of it"


def test_a_jpeg_of_thousands_of_scans_is_refused() -> None:
    good = GOOD["progressive jpeg"]
    scan = good[good.rindex(b"\xff\xda") : -2]
    with pytest.raises(DecodeError, match="more than 64 scans"):
        imaging.decode(good[:-2] + scan * 5_000 + b"\xff\xd9")


BOMBS = {
    "png": png(10_000, 10_000),
    "jpeg": claiming(jpeg(), 12_000, 12_000),
    "webp": webp_claiming(16_383, 16_383),
    "picture allowed": jpeg(3840, 2160),
}
MEASURE = """
import sys
from pathlib import Path
from sightline import imaging
from sightline.errors import DecodeError

def peak():
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0])

data = Path(sys.argv[1]).read_bytes()
before = peak()
try:
    imaging.decode(data)
except DecodeError as error:
    print(error, end="|")
else:
    print("decoded", end="|")
print(peak() - before)
"""


def decode_in_a_process(data: bytes, folder: Path) -> tuple[str, int]:
    """What came of it, and by how many KiB the peak of the resident memory grew."""
    (folder / "picture").write_bytes(data)
    command = [sys.executable, "-W", "error", "-c", MEASURE, str(folder / "picture")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    outcome, growth = done.stdout.split("|")
    return outcome, int(growth)


@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak memory from /proc")
@pytest.mark.parametrize(
    ("name", "size"),
    [("png", "10000 × 10000"), ("jpeg", "12000 × 12000"), ("webp", "16383 × 16383")],
)
def test_a_bomb_is_refused_from_its_header_with_memory_flat(name: str, size: str, tmp_path: Path) -> None:
    assert len(BOMBS[name]) < 300_000
    outcome, growth = decode_in_a_process(BOMBS[name], tmp_path)
    assert outcome == f"the picture is {size} pixels; 1 to 16,588,800 are taken"
    assert growth < 2 * 1024


@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak memory from /proc")
def test_the_measurement_of_memory_notices_a_picture_that_is_decoded(tmp_path: Path) -> None:
    outcome, growth = decode_in_a_process(BOMBS["picture allowed"], tmp_path)
    assert outcome == "decoded"
    assert growth > 3840 * 2160 * 3 // 1024 * 0.9


def test_the_limit_of_pixels_is_inclusive() -> None:
    assert imaging.check(jpeg(64, 48), max_pixels=64 * 48).width == 64
    with pytest.raises(DecodeError, match="64 × 48 pixels; 1 to 3,071 are taken"):
        imaging.check(jpeg(64, 48), max_pixels=64 * 48 - 1)


def survive(data: bytes) -> None:
    """Decodes within the limit, or raises DecodeError; anything else fails the test."""
    try:
        pixels = imaging.decode(data, max_pixels=100_000)
    except DecodeError:
        return
    assert pixels.ndim == 3
    assert pixels.size <= 300_000


MAGICS = [b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"RIFF\x20\0\0\0WEBP", GOOD["png"][:33], jpeg()[:200]]


@given(st.sampled_from(MAGICS), st.binary(max_size=300))
def test_noise_behind_any_magic_is_a_decode_error_at_worst(magic: bytes, noise: bytes) -> None:
    survive(magic + noise)


@given(st.sampled_from(sorted(GOOD)), st.data())
def test_a_picture_that_was_tampered_with_is_a_decode_error_at_worst(name: str, data: st.DataObject) -> None:
    broken = bytearray(GOOD[name])
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(broken) - 1))
        broken[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=4))
    survive(bytes(broken))
