"""What is known of one track: its newest frame, its latest scenes, captions and images."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from sightline.messages import Caption, EncodedImage, FrameInfo

MAX_STAGES = 8
"""Stages that caption one track, and profiles of its images, that are remembered."""

MAX_CAPTIONS = 4
"""Captions of one stage that are remembered, the newest ones."""

MAX_SCENES = 8


@dataclass(slots=True)
class TrackView:
    """One track as the agent sees it. Nothing up to the sequence ``ended`` is in view any more.

    Attributes:
        scenes: The newest frame of each scene, by the sequence of the scene's first frame.
        captions: By stage, the newest first.
        images: By profile.
    """

    ended: int = 0
    scenes: dict[int, FrameInfo] = field(default_factory=dict)
    captions: dict[str, list[Caption]] = field(default_factory=dict)
    images: dict[str, EncodedImage] = field(default_factory=dict)

    @property
    def newest(self) -> FrameInfo | None:
        return max(self.scenes.values(), key=lambda frame: frame.sequence, default=None)

    @property
    def alive(self) -> bool:
        return bool(self.scenes)

    def forget(self) -> None:
        """Begin anew: the numbers start again."""
        self.ended = 0
        self.scenes, self.captions, self.images = {}, {}, {}

    def end(self, sequence: int) -> bool:
        """The track was over at ``sequence``. Returns whether that is news."""
        if sequence <= self.ended:
            return False
        # The number stays, so that a caption that was still in flight does not bring the track back.
        self.ended = sequence
        self.scenes = {start: frame for start, frame in self.scenes.items() if frame.sequence > sequence}
        self.captions = {
            stage: left
            for stage, captions in self.captions.items()
            if (left := [each for each in captions if _sequence(each) > sequence])
        }
        self.images = {name: image for name, image in self.images.items() if _sequence(image) > sequence}
        return True

    def see(self, frame: FrameInfo) -> bool:
        """Note which scene a frame shows, and when. Returns whether that is news."""
        since = frame.unchanged_since
        start = frame.sequence if since is None else min(since, frame.sequence)
        known = self.scenes.get(start)
        if known is not None and known.sequence >= frame.sequence:
            return False
        self.scenes[start] = frame
        if len(self.scenes) > MAX_SCENES:
            del self.scenes[min(self.scenes)]
        return start in self.scenes

    def last_seen(self, frame: FrameInfo) -> datetime:
        """When a frame last showed the scene that this one shows."""
        # Whole numbers of one scene are side by side: everything from its first frame to its newest.
        return max(
            (
                newest.captured_at
                for start, newest in self.scenes.items()
                if start <= frame.sequence <= newest.sequence
            ),
            default=frame.captured_at,
        )

    def keep_caption(self, caption: Caption) -> bool:
        """Keep a caption among the newest of its stage. Returns whether it is one."""
        captions = self.captions.get(caption.stage, [])
        if not captions and len(self.captions) >= MAX_STAGES:
            return False
        if any(_sequence(each) == _sequence(caption) for each in captions):
            return False
        newest = sorted([*captions, caption], key=_sequence, reverse=True)[:MAX_CAPTIONS]
        self.captions[caption.stage] = newest
        return caption in newest

    def keep_image(self, image: EncodedImage) -> bool:
        """Keep an image, if it is the newest of its profile. Returns whether it is."""
        known = self.images.get(image.profile)
        if known is None and len(self.images) >= MAX_STAGES:
            return False
        if known is not None and _sequence(known) >= _sequence(image):
            return False
        self.images[image.profile] = image
        return True


def _sequence(message: Caption | EncodedImage) -> int:
    return message.frame.sequence if message.frame is not None else 0
