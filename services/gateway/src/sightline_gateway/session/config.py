"""What of a session can be changed while it lasts."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from sightline.errors import SettingsError
from sightline_gateway.protocol import Config
from sightline_gateway.settings import SessionSettings


def configured(settings: SessionSettings) -> Config:
    """As a session begins."""
    return Config(
        max_context_frames=settings.max_context_frames,
        timer_interval=settings.timer_interval,
        speech=settings.speech,
    )


def changed(config: Config, changes: dict[str, Any]) -> Config:
    """With these changes.

    Raises:
        SettingsError: There is no such setting, or it cannot have that value.
    """
    unknown = changes.keys() - Config.model_fields.keys()
    if unknown:
        expected = ", ".join(Config.model_fields)
        raise SettingsError(f"expected settings of {expected}; got {', '.join(sorted(unknown))}")
    try:
        return Config.model_validate({**config.model_dump(), **changes})
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(map(str, each['loc']))}: {each['msg']}, got {each['input']!r}"
            for each in error.errors(include_url=False)
        )
        raise SettingsError(problems) from None
