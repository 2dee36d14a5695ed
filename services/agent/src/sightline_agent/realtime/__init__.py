"""Realtime (speech-to-speech) models: the video they are shown, or captions for those that take none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sightline_agent.realtime.captions import CaptionFeed as CaptionFeed
    from sightline_agent.realtime.video import VideoSampler as VideoSampler

__all__ = ["CaptionFeed", "VideoSampler"]


def __getattr__(name: str) -> Any:
    # On first use: livekit-agents takes seconds to import, and settings are read without it.
    if name == "CaptionFeed":
        from sightline_agent.realtime.captions import CaptionFeed

        return CaptionFeed
    if name == "VideoSampler":
        from sightline_agent.realtime.video import VideoSampler

        return VideoSampler
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
