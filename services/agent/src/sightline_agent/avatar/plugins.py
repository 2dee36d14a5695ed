"""Avatars by name: LiveKit's plugins, a developer's own class, or the local face."""

from __future__ import annotations

import dataclasses
import inspect
import typing
from importlib import import_module
from typing import Any

from sightline.errors import SettingsError
from sightline_agent.avatar.settings import LOCAL, AvatarSettings

BUILT_IN = "sightline_agent.avatar.local:AvatarSession"
PLUGINS = "livekit.plugins"
CLASS = "AvatarSession"


def find(name: str) -> type[Any]:
    """The class of an avatar. Call it on the main thread first: LiveKit's plugins register there.

    Args:
        name: As ``AGENT_AVATAR`` has it; not empty.

    Raises:
        SettingsError: It is not installed, with the package to install; or it is no avatar.
    """
    where = BUILT_IN if name == LOCAL else name
    module, _, attribute = where.partition(":") if ":" in where else (f"{PLUGINS}.{where}", "", CLASS)
    try:
        loaded = import_module(module)
    except ModuleNotFoundError as error:
        raise SettingsError(_missing(name, module, error.name or "")) from error
    found = getattr(loaded, attribute, None)
    if not inspect.isclass(found) or not callable(getattr(found, "start", None)):
        raise SettingsError(
            f"AGENT_AVATAR: expected an avatar, and {module} has no class {attribute} with a method "
            "`start(session, room)`"
        )
    return found


def make(settings: AvatarSettings) -> Any:
    """The avatar, with its own settings, not yet started.

    Raises:
        SettingsError: As ``find``; or it does not take these settings.
    """
    avatar = find(settings.avatar)
    _check(avatar, settings)
    try:
        return avatar(**_fitted(avatar, settings.avatar_options))
    except Exception as error:
        raise SettingsError(
            f"AGENT_AVATAR_OPTIONS: `{settings.avatar}` was not made with these settings: "
            f"{str(error) or type(error).__name__}"
        ) from error


def require_avatar(settings: AvatarSettings, speaks: bool) -> None:
    """What would keep every job from having the avatar.

    Args:
        speaks: The agent has a voice.

    Raises:
        SettingsError: There is no such avatar, it does not take these settings, or it would be mute.
    """
    if not settings.avatar:
        return
    if not speaks:
        raise SettingsError(
            "AGENT_AVATAR: an avatar speaks, and the agent has no voice; set OPENAI_API_KEY, "
            "AGENT_SPEECH_BASE_URL or AGENT_REALTIME_MODEL"
        )
    _check(find(settings.avatar), settings)


def _check(avatar: type[Any], settings: AvatarSettings) -> None:
    """All options are arguments of the avatar."""
    parameters = inspect.signature(avatar.__init__).parameters
    takes_all = any(each.kind is inspect.Parameter.VAR_KEYWORD for each in parameters.values())
    if takes_all or not (unknown := sorted(settings.avatar_options.keys() - parameters.keys())):
        return
    known = ", ".join(name for name in parameters if name != "self")
    raise SettingsError(
        f"AGENT_AVATAR_OPTIONS: `{settings.avatar}` takes {known or 'nothing'}; got {', '.join(unknown)}"
    )


def _missing(name: str, module: str, missing: str) -> str:
    """What to install. A part of ``module`` is missing, or something that it imports."""
    if not f"{module}.".startswith(f"{missing}."):
        return f"AGENT_AVATAR: `{name}` needs the module {missing}, which is not installed"
    if module.startswith(f"{PLUGINS}."):
        plugin = module.removeprefix(f"{PLUGINS}.")
        package = f"livekit-plugins-{plugin.replace('_', '-')}"
        return f"AGENT_AVATAR: the plugin `{plugin}` is not installed; `pip install {package}`"
    return f"AGENT_AVATAR: expected `package.module:Class`, and there is no module {missing}"


def _fitted(avatar: type[Any], options: dict[str, Any]) -> dict[str, Any]:
    """The options, those that the avatar wants as a dataclass (Simli, Anam) made into one."""
    try:
        hints = typing.get_type_hints(avatar.__init__)
    except (NameError, TypeError):
        # Its annotations cannot be told apart here; it gets what was written.
        return options
    return {name: _fit(value, hints.get(name)) for name, value in options.items()}


def _fit(value: Any, hint: Any) -> Any:
    if not isinstance(value, dict):
        return value
    for each in (hint, *typing.get_args(hint)):
        if inspect.isclass(each) and dataclasses.is_dataclass(each):
            return each(**value)
    return value
