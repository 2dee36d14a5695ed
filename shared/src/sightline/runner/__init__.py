"""The ticket loop: everything around a vision worker's one method."""

from sightline.runner.runner import Runner

__all__ = ["Runner"]
