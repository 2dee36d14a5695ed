"""``agent console``: the agent in this terminal, by voice or by keys, without LiveKit."""

from __future__ import annotations

import sys
import warnings
from importlib import import_module
from typing import TYPE_CHECKING

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from sightline.config import LiveKitSettings, Settings, load
from sightline.errors import SettingsError

if TYPE_CHECKING:
    from livekit.agents import AgentServer

NO_SERVER = LiveKitSettings(api_key="console", api_secret=SecretStr("no server is asked, so any will do"))


class ConsoleSettings(Settings):
    """An agent in a terminal (`console`), which is in no room of LiveKit's."""

    model_config = SettingsConfigDict(env_prefix="AGENT_")

    room: str = Field("demo", min_length=1, description="Room whose cameras and screens it sees.")


def room_to_see() -> str:
    """The room that a job in a terminal sees."""
    return load(ConsoleSettings).room


def converse(server: AgentServer, text: bool) -> None:
    """Talk, until it is ended from the keyboard; livekit-agents does all of it. Ends the process.

    Raises:
        SettingsError: This machine has nothing to make a sound with; livekit-agents wants it for text, too.
    """
    try:
        import_module("sounddevice")  # looks for the library
    except OSError:
        raise SettingsError(
            "console: expected PortAudio, got none: install it (Debian: libportaudio2), or take "
            "`sightline chat`, the same agent in text"
        ) from None
    from livekit.agents import cli

    sys.argv = ["agent", "console", *(["--text"] if text else [])]
    with warnings.catch_warnings():
        # That it is to be another program some day is nothing that its user can act upon.
        warnings.simplefilter("ignore", DeprecationWarning)
        cli.run_app(server)
