"""Writes the table of settings into docs/settings.md, between its markers; ``--check`` only compares.

The table is made of the settings classes themselves: names, defaults, descriptions.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum
from importlib import import_module
from pathlib import Path
from typing import Any

from generated import between, write_or_check
from pydantic import AliasChoices, SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from sightline.config import Settings

CLASSES = (
    "sightline.config:BusSettings",
    "sightline.config:ServiceSettings",
    "sightline.config:LiveKitSettings",
    "sightline_ingest.room_settings:RoomSettings",
    "sightline_ingest.settings:SamplingSettings",
    "sightline_captioner.settings:CaptionerSettings",
    "sightline_captioner.settings:MoondreamSettings",
    "sightline_captioner.settings:CaptionerOpenAISettings",
    "sightline_captioner.settings:SharedOpenAISettings",
    "sightline_encoder.settings:EncoderSettings",
    "sightline_agent.settings:AgentSettings",
    "sightline_agent.images.settings:ImageSettings",
    "sightline_agent.avatar.settings:AvatarSettings",
    "sightline_agent.realtime.settings:RealtimeSettings",
    "sightline_agent.realtime.settings:WatchSettings",
    "sightline_agent.settings:OpenAISettings",
    "sightline_agent.settings:WorkerSettings",
    "sightline_agent.console:ConsoleSettings",
    "sightline_agent.tools.settings:ToolSettings",
    "sightline_gateway.settings:GatewaySettings",
    "sightline_gateway.settings:InputSettings",
    "sightline_gateway.settings:SessionSettings",
)
"""Every settings class of the project, in the order of the table."""

PAGE = Path(__file__).with_name("settings.md")


def classes() -> list[type[Settings]]:
    return [getattr(import_module(module), name) for module, name in (each.split(":") for each in CLASSES)]


def table() -> str:
    """The settings of all classes, as Markdown."""
    return "\n\n".join(_section(each) for each in classes())


def _section(settings: type[Settings]) -> str:
    rows = [
        f"| `{variable(settings, name, field)}` | {_default(field)} | {_cell(field.description or '')} |"
        for name, field in settings.model_fields.items()
        if name in settings.__annotations__  # what it inherits is in a section of its own
    ]
    title = (settings.__doc__ or settings.__name__).splitlines()[0]
    return "\n".join([f"**{title}**", "", "| variable | default | what |", "|---|---|---|", *rows])


def variable(settings: type[Settings], name: str, field: FieldInfo) -> str:
    """The name of a field's environment variable."""
    alias = field.validation_alias
    if isinstance(alias, AliasChoices):
        alias = alias.choices[0]
    return alias if isinstance(alias, str) else f"{settings.model_config['env_prefix']}{name}".upper()


def _default(field: FieldInfo) -> str:
    text = default_text(field)
    if field.is_required():
        return "required"
    return f"`{_cell(text)}`" if text else ""


def default_text(field: FieldInfo) -> str:
    """The default as it would be written into the environment; empty where there is none."""
    if field.is_required():
        return ""
    return ",".join(_texts(field.get_default(call_default_factory=True, validated_data={})))


def _texts(value: Any) -> Iterator[str]:
    """A default as it would be written into the environment."""
    if isinstance(value, tuple | list | set | frozenset):
        for each in value:
            yield from _texts(each)
    elif isinstance(value, bool):
        yield str(value).lower()
    elif isinstance(value, Enum):
        yield str(value.value)
    elif isinstance(value, SecretStr):
        yield value.get_secret_value()
    elif value is not None and value is not PydanticUndefined:
        yield str(value)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


if __name__ == "__main__":
    write_or_check(__doc__, lambda: {PAGE: between(PAGE.read_text(encoding="utf-8"), "settings", table())})
