"""Messages of the bus as JSON records and as lines for people. Field names are stable.

Every record has ``event``: ``frame``, ``track_ended``, ``caption`` or ``image``. Ages are in seconds,
counted from the capture to ``now``, both on the bus's clock.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sightline.cli.output import printable, seconds
from sightline.messages import Caption, EncodedImage, FrameInfo, Track, TrackEnded

Sight = FrameInfo | TrackEnded | Caption | EncodedImage
"""What there is to see on the bus."""


def record(sight: Sight, now: datetime) -> dict[str, Any]:
    """The JSON record of a message."""
    if isinstance(sight, TrackEnded):
        return {"event": "track_ended", **_track(sight.track), "sequence": sight.sequence}
    if isinstance(sight, FrameInfo):
        return {"event": "frame", **frame_fields(sight, now)}
    about = _of_frame(sight.frame, now)
    if isinstance(sight, Caption):
        return {
            "event": "caption",
            **about,
            "stage": sight.stage,
            "model": sight.model,
            "text": sight.text,
            "data": sight.data,
            "seconds": sight.seconds,
        }
    return {
        "event": "image",
        **about,
        "profile": sight.profile,
        "width": sight.width,
        "height": sight.height,
        "content_type": sight.content_type,
        "bytes": len(sight.data),
    }


def frame_fields(frame: FrameInfo, now: datetime) -> dict[str, Any]:
    """A frame's fields, ``frame_id`` among them, for records."""
    return {
        "frame_id": frame.id,
        **_track(frame.track),
        "sequence": frame.sequence,
        "captured_at": frame.captured_at.isoformat(),
        "age": age(frame, now),
        "trigger": frame.trigger.value,
        "width": frame.width,
        "height": frame.height,
        "unchanged_since": frame.unchanged_since,
        "content_hash": frame.content_hash,
    }


def line(sight: Sight, now: datetime) -> str:
    """A message on one line, for people."""
    if isinstance(sight, TrackEnded):
        return f"ended    {who(sight.track)}"
    if isinstance(sight, FrameInfo):
        what = f"same as #{sight.unchanged_since}" if sight.unchanged_since else sight.trigger.value
        return f"frame    {who(sight.track)} #{sight.sequence} {sight.width}x{sight.height} {what}"
    if sight.frame is None:
        return f"{'caption' if isinstance(sight, Caption) else 'image'}  of nobody knows which frame"
    about = f"{who(sight.frame.track)} #{sight.frame.sequence}, {seconds(age(sight.frame, now))} old"
    if isinstance(sight, Caption):
        return f"caption  {about}, {printable(sight.model or sight.stage)}: {printable(sight.text)}"
    size = f"{sight.width}x{sight.height} {sight.content_type}, {len(sight.data) / 1024:.0f} KiB"
    return f"image    {about}, {printable(sight.profile)}: {size}"


def who(track: Track) -> str:
    """Whose picture it is: ``alice's camera in demo``."""
    return printable(f"{track.participant}'s {track.source.value} in {track.room}")


def age(frame: FrameInfo, now: datetime) -> float:
    """Seconds since the capture; the clocks agree to milliseconds, so never below 0."""
    return round(max(0.0, (now - frame.captured_at).total_seconds()), 3)


def _of_frame(frame: FrameInfo | None, now: datetime) -> dict[str, Any]:
    if frame is None:
        return {}
    fields = frame_fields(frame, now)
    return {
        name: fields[name]
        for name in (
            "frame_id",
            "room",
            "participant",
            "track",
            "source",
            "sequence",
            "captured_at",
            "age",
            "trigger",
        )
    }


def _track(track: Track) -> dict[str, Any]:
    return {
        "room": track.room,
        "participant": track.participant,
        "track": track.id,
        "source": track.source.value,
    }
