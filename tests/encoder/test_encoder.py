"""The worker on its own, on real pictures, good and bad."""

from __future__ import annotations

import hashlib
import io
from datetime import UTC, datetime

import numpy as np
import pytest
import simplejpeg
from PIL import Image

from sightline import imaging
from sightline.errors import DecodeError
from sightline.messages import EncodedImage, Frame, Track, Trigger
from sightline_encoder.encode import encode_all
from sightline_encoder.profiles import Profile, parse_profiles
from sightline_encoder.settings import EncoderSettings
from sightline_encoder.worker import Encoder

PROFILES = "thumb=320x240:center_aspect_fit:webp:80,agent=1024x1024,full=1280x720:skew:png"


def encoder(profiles: str = PROFILES) -> Encoder:
    return Encoder(EncoderSettings(profiles=parse_profiles(profiles)))


def frame(data: bytes, width: int = 1280, height: int = 720) -> Frame:
    return Frame(
        track=Track(room="demo", participant="alice", id="TR_1"),
        sequence=1,
        captured_at=datetime(2026, 1, 1, tzinfo=UTC),
        trigger=Trigger.TIMER,
        width=width,
        height=height,
        data=data,
    )


def jpeg(width: int = 1280, height: int = 720) -> bytes:
    ramp = np.linspace(0, 255, width * height * 3).reshape(height, width, 3).astype(np.uint8)
    return bytes(simplejpeg.encode_jpeg(ramp, 85))


async def test_a_frame_becomes_one_image_per_profile_in_their_order() -> None:
    made = await encoder().process(frame(jpeg()))
    assert [(i.profile, i.width, i.height, i.content_type, i.frame) for i in made] == [
        ("thumb", 320, 240, "image/webp", None),
        ("agent", 1024, 576, "image/jpeg", None),
        ("full", 1280, 720, "image/png", None),
    ]
    for image in made:
        assert imaging.check(image.data) == (image.content_type, image.width, image.height)


async def test_all_profiles_are_made_from_one_decode(monkeypatch: pytest.MonkeyPatch) -> None:
    shapes = []
    real = imaging.decode

    def counted(*args: object, **options: int) -> object:
        pixels = real(*args, **options)  # type: ignore[arg-type]
        shapes.append(pixels.shape)
        return pixels

    monkeypatch.setattr(imaging, "decode", counted)
    one = frame(jpeg())

    await encoder().process(one)
    await encoder("a=160x80,b=100x50:skew").process(one)

    assert shapes == [(720, 1280, 3), (90, 160, 3)], "one decode each, small where small is enough"
    assert "pixels" not in vars(one)


async def test_the_same_frame_gives_the_same_bytes() -> None:
    def digest(images: list[EncodedImage]) -> list[str]:
        return [hashlib.sha256(image.data).hexdigest() for image in images]

    one = frame(jpeg())
    assert digest(await encoder().process(one)) == digest(await encoder().process(one))


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
async def test_frames_that_are_no_jpeg_are_encoded_too(kind: str) -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (64, 48), (200, 10, 10)).save(buffer, kind)
    [image] = await encoder("a=32x32").process(frame(buffer.getvalue(), 64, 48))
    assert (image.width, image.height) == (32, 24)
    np.testing.assert_allclose(imaging.decode(image.data).mean(axis=(0, 1)), (200, 10, 10), atol=4)


@pytest.mark.parametrize("data", [jpeg()[: len(jpeg()) // 2], b"GIF89a" + bytes(20), bytes(100), b"<svg/>"])
async def test_a_broken_picture_is_refused_without_retry(data: bytes) -> None:
    with pytest.raises(DecodeError) as raised:
        await encoder().process(frame(data))
    assert not raised.value.retryable


@pytest.mark.parametrize("strategy", ["center_aspect_cover", "scale_aspect_cover"])
async def test_a_sliver_that_would_become_a_giant_is_refused(strategy: str) -> None:
    with pytest.raises(DecodeError, match=r"would scale this picture of 4000 × 4 pixels to 1024000 × 1024"):
        await encoder(f"a=1024x1024:{strategy}").process(frame(jpeg(4000, 4), 4000, 4))


def test_a_sliver_keeps_at_least_one_row() -> None:
    [image] = encode_all(jpeg(4000, 4), [Profile(name="a", width=100, height=100)])
    assert (image.width, image.height) == (100, 1)
