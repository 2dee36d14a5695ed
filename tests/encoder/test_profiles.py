"""Profiles as people write them into ENCODER_PROFILES."""

from __future__ import annotations

import pytest

from sightline.config import load
from sightline.errors import SettingsError
from sightline_encoder.profiles import Profile
from sightline_encoder.settings import EncoderSettings
from sightline_encoder.worker import Encoder


def test_without_settings_there_is_one_profile_for_agents() -> None:
    [profile] = load(EncoderSettings).profiles
    assert str(profile) == "agent=1024x1024:scale_aspect_fit:jpeg:75"


def test_profiles_are_read_from_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENCODER_PROFILES", "thumb=320x240:center_aspect_cover:webp:80, agent=1024x768,")
    assert load(EncoderSettings).profiles == (
        Profile(
            name="thumb", width=320, height=240, strategy="center_aspect_cover", format="webp", quality=80
        ),
        Profile(name="agent", width=1024, height=768, strategy="scale_aspect_fit", format="jpeg", quality=75),
    )


def test_a_profile_is_written_in_the_form_that_is_read() -> None:
    profile = Profile(name="x", width=1, height=2, strategy="skew", format="png", quality=3)
    assert Profile.parse(str(profile)) == profile


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("", "at least one profile of the form NAME=WIDTHxHEIGHT"),
        ("thumb", "profile 'thumb' is not of the form NAME=WIDTHxHEIGHT"),
        ("a=10x10,thumb=320", "profile 'thumb=320' is not of the form"),
        ("thumb=320x240:skew:jpeg:75:more", "is not of the form"),
        ("thumb=0x240", "width '0': Input should be greater than or equal to 1"),
        ("thumb=16384x1", "width '16384': Input should be less than or equal to 16383"),
        ("thumb=9000x9000", "9000 x 9000 pixels are too many: at most 16,588,800"),
        ("a b=320x240", "name 'a b': String should match pattern"),
        ("=320x240", "name '': String should match pattern"),
        ("thumb=320x240:fit", "strategy 'fit': expected one of center_aspect_fit, center_aspect_cover,"),
        ("thumb=320x240:skew:gif", "format 'gif': expected one of jpeg, png, webp"),
        ("thumb=320x240:skew:jpeg:101", "quality '101': Input should be less than or equal to 100"),
        ("thumb=320x240:skew:jpeg:high", "quality 'high': Input should be a valid integer"),
        ("a=1x1,b=2x2,a=3x3", "more than one profile is named a"),
    ],
)
def test_a_bad_profile_stops_the_start_and_names_the_variable_and_the_part(
    monkeypatch: pytest.MonkeyPatch, text: str, part: str
) -> None:
    monkeypatch.setenv("ENCODER_PROFILES", text)
    with pytest.raises(SettingsError) as raised:
        Encoder()
    assert str(raised.value).startswith("ENCODER_PROFILES: ")
    assert part in str(raised.value)


def test_the_worker_is_set_up_by_its_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENCODER_MAX_FPS", "0.5")
    monkeypatch.setenv("ENCODER_CONCURRENCY", "7")
    monkeypatch.setenv("ENCODER_DEADLINE", "3")
    encoder = Encoder()
    assert (encoder.wants.max_fps, encoder.concurrency, encoder.deadline) == (0.5, 7, 3.0)


@pytest.mark.parametrize(
    ("profiles", "width"),
    [
        ("a=1024x1024", 1024),
        ("a=320x240,b=640x100:skew", 640),
        ("a=320x900:center_aspect_cover", 1600),
        ("a=900x320:scale_aspect_cover", 900),
        ("a=8x8", 16),
        ("a=12000x16", 7680),
    ],
)
def test_sources_are_asked_for_no_wider_a_picture_than_the_profiles_use(
    monkeypatch: pytest.MonkeyPatch, profiles: str, width: int
) -> None:
    monkeypatch.setenv("ENCODER_PROFILES", profiles)
    assert Encoder().wants.max_width == width


def test_another_profile_is_other_work(monkeypatch: pytest.MonkeyPatch) -> None:
    first = Encoder().identity
    assert Encoder().identity == first
    monkeypatch.setenv("ENCODER_PROFILES", "agent=1024x1024:scale_aspect_fit:jpeg:76")
    assert Encoder().identity != first
