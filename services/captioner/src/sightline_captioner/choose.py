"""Which backend, and why."""

from __future__ import annotations

from typing import NamedTuple

from pydantic import SecretStr

from sightline.config import load
from sightline.errors import SettingsError
from sightline_captioner.backend import Backend
from sightline_captioner.settings import (
    MOONDREAM_CLOUD,
    OPENAI_CLOUD,
    BackendName,
    CaptionerOpenAISettings,
    CaptionerSettings,
    MoondreamSettings,
    SharedOpenAISettings,
)


class Choice(NamedTuple):
    """A backend's name, and the setting that decided for it."""

    name: BackendName
    why: str


class Endpoint(NamedTuple):
    """Where the openai backend goes, with which key."""

    base_url: str
    api_key: SecretStr


def choose(settings: CaptionerSettings) -> Choice:
    """The backend that the settings ask for, or the first that is configured.

    Raises:
        SettingsError: A setting has a bad value.
    """
    if settings.backend != "auto":
        return Choice(settings.backend, "CAPTIONER_BACKEND says so")
    moondream = load(MoondreamSettings)
    for name, is_set in {
        "MOONDREAM_LOCAL": moondream.local,
        "MOONDREAM_ENDPOINT": moondream.endpoint,
        "MOONDREAM_API_KEY": moondream.api_key.get_secret_value(),
    }.items():
        if is_set:
            return Choice("moondream", f"{name} is set")
    if load(CaptionerOpenAISettings).model:
        return Choice("openai", "CAPTIONER_OPENAI_MODEL is set")
    return Choice(
        "offline", "neither MOONDREAM_API_KEY, MOONDREAM_ENDPOINT nor CAPTIONER_OPENAI_MODEL is set"
    )


def make(settings: CaptionerSettings, name: BackendName) -> Backend:
    """The backend of that name. No I/O: that is ``Backend.start``.

    Raises:
        SettingsError: It lacks a setting, or one has a bad value.
    """
    # Imported here: what is not chosen costs neither time nor memory.
    if name == "offline":
        from sightline_captioner.offline.backend import Offline

        return Offline(settings)
    if name == "openai":
        from sightline_captioner.openai_compatible import OpenAI

        openai = load(CaptionerOpenAISettings)
        return OpenAI(settings, openai, openai_endpoint(openai, load(SharedOpenAISettings)))
    moondream = load(MoondreamSettings)
    if moondream.local:
        from sightline_captioner.moondream_local import LocalMoondream

        return LocalMoondream(settings, moondream)
    from sightline_captioner.moondream_http import Moondream

    return Moondream(settings, with_endpoint(moondream))


def with_endpoint(moondream: MoondreamSettings) -> MoondreamSettings:
    """These settings, with the cloud as the endpoint where there is none.

    Raises:
        SettingsError: It is the cloud, and there is no key for it.
    """
    if moondream.endpoint:
        return moondream
    if not moondream.api_key.get_secret_value():
        raise SettingsError(
            "MOONDREAM_API_KEY: the backend moondream needs a key of Moondream's cloud, or "
            "MOONDREAM_ENDPOINT, or MOONDREAM_LOCAL=true; CAPTIONER_BACKEND=offline needs nothing"
        )
    return moondream.model_copy(update={"endpoint": MOONDREAM_CLOUD})


def openai_endpoint(openai: CaptionerOpenAISettings, shared: SharedOpenAISettings) -> Endpoint:
    """The captioner's own endpoint, or else the shared one; each with its own key only.

    Raises:
        SettingsError: There is no model, or no key for OpenAI.
    """
    if not openai.model:
        raise SettingsError(
            "CAPTIONER_OPENAI_MODEL: the backend openai needs the name of a vision model, "
            "such as gpt-4.1-mini"
        )
    if openai.base_url:
        return Endpoint(openai.base_url, openai.api_key)
    base_url = shared.base_url or OPENAI_CLOUD
    key = openai.api_key if openai.api_key.get_secret_value() else shared.api_key
    if base_url == OPENAI_CLOUD and not key.get_secret_value():
        raise SettingsError(
            "CAPTIONER_OPENAI_API_KEY: OpenAI wants a key; set it, or OPENAI_API_KEY, or the address of an "
            "endpoint that wants none as CAPTIONER_OPENAI_BASE_URL"
        )
    return Endpoint(base_url, key)
