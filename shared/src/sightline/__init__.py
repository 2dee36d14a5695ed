"""Sightline: eyes for LiveKit conversation agents.

What a plugin author needs is importable from here; everything else lives one module deeper.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
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

_HOMES = ("sightline.errors", "sightline.messages", "sightline.worker")


def __getattr__(name: str) -> Any:
    # On first use: numpy and pydantic take half a second, which `sightline --help` need not wait for.
    if name in __all__:
        for home in map(import_module, _HOMES):
            if hasattr(home, name):
                return getattr(home, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
