"""Frames, captions and images of nothing in particular, for whoever reads them from the bus."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sightline.messages import Caption, EncodedImage, FrameInfo, Source, Track, TrackEnded, Trigger

START = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)

ALICE = Track(room="demo", participant="alice", id="TR_a", source=Source.CAMERA)
ALICES_SCREEN = Track(room="demo", participant="alice", id="TR_s", source=Source.SCREEN)
BOB = Track(room="demo", participant="bob", id="TR_b", source=Source.CAMERA)


def after(seconds: float, start: datetime = START) -> datetime:
    return start + timedelta(seconds=seconds)


def frame(
    sequence: int,
    captured_at: datetime | None = None,
    track: Track = ALICE,
    unchanged_since: int | None = None,
    trigger: Trigger = Trigger.TIMER,
) -> FrameInfo:
    """A frame of a track; captured ``sequence`` seconds after the start unless said otherwise."""
    return FrameInfo(
        id=f"{track.id}-{sequence}",
        track=track,
        sequence=sequence,
        captured_at=captured_at or after(sequence),
        trigger=trigger,
        width=64,
        height=48,
        unchanged_since=unchanged_since,
    )


def caption(of: FrameInfo | int, text: str = "", stage: str = "captioner", model: str = "test") -> Caption:
    about = frame(of) if isinstance(of, int) else of
    return Caption(text=text or f"what frame {about.sequence} shows", stage=stage, model=model, frame=about)


def image(of: FrameInfo | int, profile: str = "agent", data: bytes = b"pixels") -> EncodedImage:
    about = frame(of) if isinstance(of, int) else of
    return EncodedImage(
        profile=profile, width=64, height=48, frame=about, data=data, content_type="image/jpeg"
    )


def ended(sequence: int, track: Track = ALICE) -> TrackEnded:
    return TrackEnded(track=track, sequence=sequence)
