"""The newest picture of a track, and what it shows."""

from __future__ import annotations

import asyncio
from typing import NamedTuple

from sightline.messages import Source
from sightline.sampling.metrics import LOOKS
from sightline.sampling.scene import Thumbnail, View
from sightline.sampling.screen import scene_of
from sightline_ingest.metrics import REPLACED
from sightline_ingest.picture import Picture
from sightline_ingest.settings import SamplingSettings


class Seen(NamedTuple):
    """A picture that was looked at.

    Attributes:
        shown_at: When it was shown, on the loop's clock.
        view: How it compares with the first frame of the scene.
    """

    picture: Picture
    shown_at: float
    thumbnail: Thumbnail
    view: View


class Eye:
    """Keeps one picture that nobody looked at yet, and the one that was looked at last.

    Attributes:
        seen: The picture that was looked at last, until it is taken.
        look_at: When it is time for another look, on the loop's clock.
    """

    def __init__(self, source: Source, settings: SamplingSettings) -> None:
        """No I/O, but on an event loop."""
        self.seen: Seen | None = None
        self.look_at = 0.0
        self._scene = scene_of(source, settings.still_threshold, settings.scene_threshold)
        self._newest: tuple[Picture, float] | None = None
        self._loop = asyncio.get_running_loop()

    @property
    def has_news(self) -> bool:
        """Whether there is a picture that nobody looked at."""
        return self._newest is not None

    def show(self, picture: Picture) -> None:
        """Keep this picture; the one that nobody looked at is dropped."""
        if self._newest is not None:
            REPLACED.inc()
        self._newest = picture, self._loop.time()

    def look(self, pause: float) -> None:
        """Look at the newest picture, if there is one; the next look is in ``pause`` seconds."""
        if self._newest is None:
            return
        (picture, shown_at), self._newest = self._newest, None
        self.look_at = self._loop.time() + pause
        small = self._scene.look(picture)
        view = self._scene.view(small)
        LOOKS.labels(view.name.lower()).inc()
        self.seen = Seen(picture, shown_at, small, view)

    def take(self) -> Seen:
        """The picture that was looked at last; it is kept no longer."""
        assert self.seen is not None, "there is nothing to take before a look"
        seen, self.seen = self.seen, None
        return seen

    def begin_scene(self, seen: Seen) -> None:
        """From here on pictures are compared with this one."""
        self._scene.begin(seen.thumbnail)
