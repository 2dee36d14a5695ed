"""Sightline: eyes for LiveKit conversation agents.

What a plugin author needs is importable from here; everything else lives one module deeper.
"""

from sightline.errors import DecodeError, RateLimitedError, RetryableError, SightlineError
from sightline.messages import Caption, EncodedImage, Frame, Track, Trigger
from sightline.worker import StageWants, VisionWorker

__all__ = [
    "Caption",
    "DecodeError",
    "EncodedImage",
    "Frame",
    "RateLimitedError",
    "RetryableError",
    "SightlineError",
    "StageWants",
    "Track",
    "Trigger",
    "VisionWorker",
]
