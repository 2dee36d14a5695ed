"""What an operator may set about the tools of the agent's model."""

from __future__ import annotations

from typing import Annotated, Any, Literal, get_args

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_settings import NoDecode, SettingsConfigDict

from sightline.config import Settings
from sightline.wire import Stage

ToolName = Literal["look", "recall"]
TOOLS: tuple[ToolName, ...] = get_args(ToolName)


def parse_names(given: Any) -> Any:
    """``look, recall`` as names."""
    return [name.strip() for name in given.split(",") if name.strip()] if isinstance(given, str) else given


def known_language(name: str) -> str:
    # On first use: it imports the stemmers of all languages.
    from sightline_agent.tools.search import LANGUAGES

    if name not in LANGUAGES:
        raise ValueError(f"expected one of {', '.join(LANGUAGES)}")
    return name


class ToolSettings(Settings):
    """The tools that the agent's model may call."""

    model_config = SettingsConfigDict(env_prefix="AGENT_")

    tools: Annotated[tuple[ToolName, ...], NoDecode, BeforeValidator(parse_names)] = Field(
        (),
        description="Tools that the model of the worker and the chat gets, separated by commas: `look` asks "
        "about the newest frame, `recall` searches what was seen. The model's endpoint must take tools.",
    )
    look_stage: Stage = Field(
        "captioner", min_length=1, description="The stage that answers the questions of `look`."
    )
    look_deadline: float = Field(
        8.0, gt=0, le=120, description="Seconds that `look` may take, the fresh frame included."
    )
    look_fresh: float = Field(
        1.0, ge=0, description="Seconds; `look` asks for a fresh frame where the newest is older than this."
    )
    look_tracks: int = Field(
        4, ge=1, le=16, description="Cameras and screens that one `look` asks about, at most."
    )
    recall_deadline: float = Field(3.0, gt=0, le=60, description="Seconds that `recall` may take.")
    recall_results: int = Field(8, ge=1, le=50, description="Moments that one `recall` tells, at most.")
    recall_language: Annotated[str, AfterValidator(known_language)] = Field(
        "english",
        description="Language of the captions; `recall` finds other forms of a word in it. "
        "`german`, `french`, …: any of Snowball's.",
    )
