"""Where the pixels of a frame go: the arithmetic of ``livekit.agents.utils.images``, to the pixel."""

from __future__ import annotations

from typing import NamedTuple

from sightline.errors import DecodeError
from sightline.imaging import MAX_PIXELS
from sightline_encoder.profiles import MAX_SIDE, Profile, Strategy


class Layout(NamedTuple):
    """How a picture becomes an image of a profile: scaled, then centred on a canvas.

    Attributes:
        scaled_width: Pixels of the whole picture after scaling, cropped or not.
        scaled_height: See ``scaled_width``.
        width: Pixels of the image. Larger than ``scaled_width``: black bars; smaller: cropped.
        height: See ``width``.
    """

    scaled_width: int
    scaled_height: int
    width: int
    height: int

    @property
    def left(self) -> int:
        """Column of the image at which the picture begins; negative where it is cropped."""
        return (self.width - self.scaled_width) // 2

    @property
    def top(self) -> int:
        """Row of the image at which the picture begins; negative where it is cropped."""
        return (self.height - self.scaled_height) // 2


def layout(profile: Profile, width: int, height: int) -> Layout:
    """Place a picture of ``width`` × ``height`` pixels into a profile.

    Raises:
        DecodeError: The picture is so oblong that scaling it would make too many pixels of it.
    """
    scaled_width, scaled_height = _scaled(profile, width, height)
    if max(scaled_width, scaled_height) > MAX_SIDE or scaled_width * scaled_height > MAX_PIXELS:
        raise DecodeError(
            f"profile {profile} would scale this picture of {width} × {height} pixels to "
            f"{scaled_width} × {scaled_height}; at most {MAX_PIXELS:,} are made, {MAX_SIDE:,} a side"
        )
    if profile.strategy in ("scale_aspect_fit", "scale_aspect_cover"):
        return Layout(scaled_width, scaled_height, scaled_width, scaled_height)
    return Layout(scaled_width, scaled_height, profile.width, profile.height)


def _scaled(profile: Profile, width: int, height: int) -> tuple[int, int]:
    if profile.strategy == "skew":
        return profile.width, profile.height
    # livekit truncates rather than rounds; at least one pixel is kept of a sliver, where it raises.
    if _limited_by_height(profile.strategy, profile, width, height):
        return max(1, int(width * (profile.height / height))), profile.height
    return profile.width, max(1, int(height * (profile.width / width)))


def _limited_by_height(strategy: Strategy, profile: Profile, width: int, height: int) -> bool:
    """Whether the profile's height decides the scale; the comparisons differ where livekit's do."""
    if strategy == "center_aspect_fit":
        return profile.width / profile.height > width / height
    if strategy == "center_aspect_cover":
        return profile.height / profile.width > height / width
    height_by_width = int(height * (profile.width / width))
    if strategy == "scale_aspect_fit":
        return height_by_width > profile.height
    return height_by_width < profile.height
