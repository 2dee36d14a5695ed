"""The worker: a frame in, one image per profile out."""

from __future__ import annotations

import asyncio
from typing import ClassVar

from sightline.config import load
from sightline.messages import EncodedImage, Frame
from sightline.worker import StageWants, VisionWorker
from sightline_encoder.encode import encode_all
from sightline_encoder.profiles import Profile
from sightline_encoder.settings import EncoderSettings

WIDEST_SHAPE = 16 / 9
"""Width by height of the widest picture that a covering profile still gets at full sharpness."""


class Encoder(VisionWorker):
    """Makes the image of each configured profile from one decode."""

    # Decodes by itself: smaller, where no profile needs the full size.
    decodes: ClassVar[bool] = False

    def __init__(self, settings: EncoderSettings | None = None) -> None:
        """Read ``ENCODER_*`` from the environment, unless settings are given."""
        settings = settings or load(EncoderSettings)
        self.profiles = settings.profiles
        self.concurrency = settings.concurrency
        self.deadline = settings.deadline
        self.wants = StageWants(max_fps=settings.max_fps, max_width=useful_width(settings.profiles))
        self.identity = ",".join(map(str, settings.profiles))

    async def process(self, frame: Frame) -> list[EncodedImage]:
        """Encode; one call in a thread, as OpenCV and libjpeg work without the interpreter's lock.

        Raises:
            DecodeError: The picture is broken, too large, or too oblong for one of the profiles.
        """
        return await asyncio.to_thread(encode_all, frame.data, self.profiles)


def useful_width(profiles: tuple[Profile, ...]) -> int:
    """The widest source, in pixels, that these profiles have a use for."""
    widest = max(
        max(profile.width, round(profile.height * WIDEST_SHAPE))
        if profile.strategy.endswith("cover")
        else profile.width
        for profile in profiles
    )
    return min(max(widest, 16), 7680)
