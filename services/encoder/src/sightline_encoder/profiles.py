"""Image profiles: what size, shape and format a frame is made into."""

from __future__ import annotations

import re
from typing import Any, Literal, Self, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from sightline.imaging import MAX_PIXELS

Strategy = Literal[
    "center_aspect_fit", "center_aspect_cover", "scale_aspect_fit", "scale_aspect_cover", "skew"
]
Format = Literal["jpeg", "png", "webp"]

MAX_SIDE = 16_383
"""Pixels; WebP has no more."""

_FORM = "NAME=WIDTHxHEIGHT[:STRATEGY[:FORMAT[:QUALITY]]]"
_PARTS = re.compile(r"(?P<name>[^=]*)=(?P<width>\d{1,6})x(?P<height>\d{1,6})(?P<rest>(:[^:]*){0,3})")


class Profile(BaseModel):
    """One image made of each frame. Strategies and geometry are those of livekit-agents.

    Attributes:
        name: Part of the subject under which the image is published.
        width: Pixels.
        height: Pixels.
        strategy: ``center_aspect_fit`` letterboxes to exactly width × height, ``center_aspect_cover``
            crops to it, ``skew`` stretches to it; ``scale_aspect_fit`` keeps the shape and stays
            inside, ``scale_aspect_cover`` keeps the shape and fills it, so one side may be longer.
            All of them enlarge a smaller picture.
        format: ``jpeg``, ``png`` or ``webp``.
        quality: 1 to 100; PNG loses nothing and ignores it.
    """

    model_config = ConfigDict(frozen=True)

    name: str = Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")
    width: int = Field(ge=1, le=MAX_SIDE)
    height: int = Field(ge=1, le=MAX_SIDE)
    strategy: Strategy = "scale_aspect_fit"
    format: Format = "jpeg"
    quality: int = Field(75, ge=1, le=100)

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        if self.width * self.height > MAX_PIXELS:
            raise ValueError(f"{self.width} x {self.height} pixels are too many: at most {MAX_PIXELS:,}")
        return self

    def __str__(self) -> str:
        return f"{self.name}={self.width}x{self.height}:{self.strategy}:{self.format}:{self.quality}"

    @classmethod
    def parse(cls, text: str) -> Profile:
        """Read the form that settings have.

        >>> print(Profile.parse("thumb=320x240:center_aspect_cover:webp"))
        thumb=320x240:center_aspect_cover:webp:75

        Raises:
            ValueError: Says which part of the text is wrong, and what it may be.
        """
        parts = _PARTS.fullmatch(text.strip())
        if parts is None:
            raise ValueError(f"profile {text.strip()!r} is not of the form {_FORM}")
        given = parts["rest"].split(":")[1:]
        fields: dict[str, Any] = {name: parts[name] for name in ("name", "width", "height")}
        fields |= dict(zip(("strategy", "format", "quality"), given, strict=False))
        try:
            return cls.model_validate(fields)
        except ValidationError as error:
            raise ValueError(f"profile {text.strip()!r}: {_explain(error)}") from None


def parse_profiles(text: object) -> object:
    """Read a comma-separated list of profiles; anything but a text is left to pydantic.

    Raises:
        ValueError: One of them is wrong, two have the same name, or there is none.
    """
    if not isinstance(text, str):
        return text
    profiles = tuple(Profile.parse(part) for part in text.split(",") if part.strip())
    if not profiles:
        raise ValueError(f"expected at least one profile of the form {_FORM}")
    names = [profile.name for profile in profiles]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"more than one profile is named {', '.join(twice)}")
    return profiles


def _explain(error: ValidationError) -> str:
    problem = error.errors(include_url=False)[0]
    if not problem["loc"]:
        return problem["msg"].removeprefix("Value error, ")
    field = str(problem["loc"][0])
    options = {"strategy": get_args(Strategy), "format": get_args(Format)}.get(field)
    expected = f"expected one of {', '.join(options)}" if options else problem["msg"]
    return f"{field} {problem['input']!r}: {expected}"
