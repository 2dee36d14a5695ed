"""What the agent knows of a room now: the newest captions and images of each track, with ages.

Pure: nothing here does I/O, time is given. Messages may come in any order, twice, or late; what is
kept depends on their sequence alone, so a replay after a reconnect changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Generic, TypeVar

from sightline.messages import Caption, EncodedImage, FrameInfo, Source, Track, TrackEnded
from sightline_agent.track_view import TrackView

MAX_TRACKS = 64
"""Tracks of a room that are remembered; beyond, the one that was updated longest ago is forgotten."""

RENUMBERED = 2.0
"""Seconds. A source counts on where it was, also after a restart, unless everything on the bus was
lost with it. Then low numbers come with a time that no late message can have: this much later."""

M = TypeVar("M", Caption, EncodedImage)


@dataclass(frozen=True, slots=True)
class Seen(Generic[M]):
    """One thing the room shows, or showed, ``age`` seconds ago.

    Attributes:
        message: The caption or image.
        frame: The frame that it is about.
        age: Seconds since the scene was last known to look like this, on the bus's clock.
        past: It is not what is in view any more: too old, or replaced by something newer.
    """

    message: M
    frame: FrameInfo
    age: float
    past: bool = False

    @property
    def participant(self) -> str:
        return self.frame.track.participant

    @property
    def source(self) -> Source:
        return self.frame.track.source


class VisionContext:
    """The newest that is known of each track of one room.

    Args:
        room: Messages about other rooms are ignored.
        max_age: Seconds after which something is not what is in view any more.
    """

    def __init__(self, room: str, max_age: float = 15.0) -> None:
        self.room = room
        self.max_age = max_age
        self._tracks: dict[tuple[str, str], TrackView] = {}

    def update(
        self, message: FrameInfo | TrackEnded | Caption | EncodedImage, at: datetime | None = None
    ) -> bool:
        """Take in a message.

        Args:
            at: When the bus stored it: a frame cannot have been captured later, whatever its
                source's clock says.

        Returns:
            Whether it changed anything: late, repeated and foreign ones do not.
        """
        if isinstance(message, TrackEnded):
            view = self._view(message.track)
            return view is not None and view.end(message.sequence)
        frame = message if isinstance(message, FrameInfo) else message.frame
        if frame is None:
            return False
        if at is not None and frame.captured_at > at:
            frame = frame.model_copy(update={"captured_at": at})
        view = self._view(frame.track)
        if view is None:
            return False
        if _is_renumbered(view, frame):
            view.forget()
        if frame.sequence <= view.ended:
            return False
        seen = view.see(frame)
        if isinstance(message, Caption):
            return view.keep_caption(message) or seen
        if isinstance(message, EncodedImage):
            return view.keep_image(message) or seen
        return seen

    def describe(self, now: datetime, speaker: str = "") -> list[Seen[Caption]]:
        """The captions of what is in view.

        Args:
            now: The time on the bus's clock.
            speaker: The identity whose tracks come first.

        Returns:
            At most one per track and stage; the speaker's first, then the freshest first. Nothing
            older than ``max_age``, nothing of a track that is over.
        """
        current, _ = self._captions(now)
        return _ordered(current, speaker)

    def past(self, now: datetime, within: float, speaker: str = "") -> list[Seen[Caption]]:
        """The captions of what was in view up to ``within`` seconds ago and is not any more.

        Order as in ``describe``. Nothing of a track that is over.
        """
        _, past = self._captions(now)
        return _ordered((each for each in past if each.age <= within), speaker)

    def faded(self, now: datetime, speaker: str = "") -> list[Seen[Caption]]:
        """The newest caption of each track and stage, where it is too old to be of what is in view."""
        newest = [
            _seen(view, captions[0], now)
            for view in self._tracks.values()
            for captions in view.captions.values()
        ]
        return _ordered((replace(each, past=True) for each in newest if each.age > self.max_age), speaker)

    def images(self, now: datetime, profile: str, speaker: str = "") -> list[Seen[EncodedImage]]:
        """The images of what is in view, of one profile; otherwise as ``describe``."""
        return _ordered((each for each in self._images(now, profile) if each.age <= self.max_age), speaker)

    def faded_images(self, now: datetime, profile: str, speaker: str = "") -> list[Seen[EncodedImage]]:
        """The newest images of a profile that are too old to be of what is in view."""
        old = (each for each in self._images(now, profile) if each.age > self.max_age)
        return _ordered((replace(each, past=True) for each in old), speaker)

    def describes(self, frame: FrameInfo) -> bool:
        """Whether there is a caption of what this frame shows, of this frame or one just like it."""
        view = self._tracks.get((frame.track.participant, frame.track.id))
        return view is not None and _any_shows((each[0] for each in view.captions.values()), frame)

    def caption_of(self, frame: FrameInfo, stage: str) -> Caption | None:
        """The newest caption by a stage of what this frame shows: of this frame, or of one just like it."""
        view = self._tracks.get((frame.track.participant, frame.track.id))
        captions = view.captions.get(stage, []) if view is not None else []
        scene = _scene(frame)
        return next(
            (each for each in captions if each.frame is not None and _scene(each.frame) == scene), None
        )

    def depicts(self, frame: FrameInfo, profile: str) -> bool:
        """Whether there is an image of what this frame shows, of this frame or one just like it."""
        view = self._tracks.get((frame.track.participant, frame.track.id))
        image = view.images.get(profile) if view is not None else None
        return image is not None and _any_shows([image], frame)

    @property
    def participants(self) -> list[str]:
        """The identities with a track that is not over, the most recently updated last."""
        return list(dict.fromkeys(key[0] for key, view in self._tracks.items() if view.alive))

    @property
    def in_view(self) -> list[FrameInfo]:
        """The newest frame of each track that is not over, the most recently updated last."""
        return [newest for view in self._tracks.values() if (newest := view.newest) is not None]

    def _images(self, now: datetime, profile: str) -> list[Seen[EncodedImage]]:
        views = self._tracks.values()
        return [_seen(view, view.images[profile], now) for view in views if profile in view.images]

    def _captions(self, now: datetime) -> tuple[list[Seen[Caption]], list[Seen[Caption]]]:
        """What is in view, and the rest."""
        current: list[Seen[Caption]] = []
        past: list[Seen[Caption]] = []
        for view in self._tracks.values():
            for newest, *earlier in view.captions.values():
                seen = _seen(view, newest, now)
                if seen.age <= self.max_age:
                    current.append(seen)
                else:
                    past.append(replace(seen, past=True))
                past += [_seen(view, each, now, past=True) for each in earlier]
        return current, past

    def _view(self, track: Track) -> TrackView | None:
        if track.room != self.room:
            return None
        key = (track.participant, track.id)
        view = self._tracks.pop(key, None) or TrackView()
        self._tracks[key] = view
        if len(self._tracks) > MAX_TRACKS:
            del self._tracks[next(iter(self._tracks))]
        return view


def _any_shows(messages: Iterable[Caption | EncodedImage], frame: FrameInfo) -> bool:
    return any(each.frame is not None and each.frame.sequence >= _scene(frame) for each in messages)


def _scene(frame: FrameInfo) -> int:
    """The first frame of the scene that a frame shows."""
    return frame.sequence if frame.unchanged_since is None else frame.unchanged_since


def _is_renumbered(view: TrackView, frame: FrameInfo) -> bool:
    newest = view.newest
    return (
        newest is not None
        and frame.sequence < newest.sequence
        and (frame.captured_at - newest.captured_at).total_seconds() > RENUMBERED
    )


def _seen(view: TrackView, message: M, now: datetime, past: bool = False) -> Seen[M]:
    assert message.frame is not None, "messages without a frame are not kept"
    # Clocks are compared to within milliseconds: nothing was seen in the future.
    age = max(0.0, (now - view.last_seen(message.frame)).total_seconds())
    return Seen(message, message.frame, age, past)


def _ordered(seen: Iterable[Seen[M]], speaker: str) -> list[Seen[M]]:
    def place(each: Seen[M]) -> tuple[bool, float, str, str]:
        # Names last, so that two looks at the same thing read the same.
        return each.participant != speaker, each.age, each.participant, each.frame.track.id

    return sorted(seen, key=place)
