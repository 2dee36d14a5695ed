"""Which backend, and why. Imports none of them: that is ``Choice.make``."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from pydantic import SecretStr

from sightline.config import load
from sightline.errors import SettingsError
from sightline_captioner.backend import Backend
from sightline_captioner.prompts import openai_prompt
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
    """A backend, not made yet.

    Attributes:
        why: The setting that decided for it.
        model: What a caption's ``model`` says.
        prompt: What a caption's ``prompt`` says: what the model is asked for.
        make: Makes it, without I/O. Imports what it needs, which takes up to a second: call it in a thread.
    """

    name: BackendName
    why: str
    model: str
    prompt: str
    make: Callable[[], Backend]


class Endpoint(NamedTuple):
    """Where the openai backend goes, with which key."""

    base_url: str
    api_key: SecretStr


def choose(settings: CaptionerSettings) -> Choice:
    """The backend that the settings ask for, or the first that is configured.

    Raises:
        SettingsError: It lacks a setting, or one has a bad value.
    """
    name, why = _name(settings)
    return {"moondream": _moondream, "openai": _openai, "offline": _offline}[name](settings, why)


def _name(settings: CaptionerSettings) -> tuple[BackendName, str]:
    if settings.backend != "auto":
        return settings.backend, "CAPTIONER_BACKEND says so"
    moondream = load(MoondreamSettings)
    for variable, is_set in {
        "MOONDREAM_LOCAL": moondream.local,
        "MOONDREAM_ENDPOINT": moondream.endpoint,
        "MOONDREAM_API_KEY": moondream.api_key.get_secret_value(),
    }.items():
        if is_set:
            return "moondream", f"{variable} is set"
    if load(CaptionerOpenAISettings).model:
        return "openai", "CAPTIONER_OPENAI_MODEL is set"
    unset = "MOONDREAM_API_KEY, MOONDREAM_ENDPOINT nor CAPTIONER_OPENAI_MODEL"
    return "offline", f"neither {unset} is set"


def _offline(settings: CaptionerSettings, why: str) -> Choice:
    def make() -> Backend:
        from sightline_captioner.offline.backend import Offline

        return Offline(settings)

    return Choice("offline", why, "offline", f"offline, {settings.length}", make)


def _openai(settings: CaptionerSettings, why: str) -> Choice:
    openai = load(CaptionerOpenAISettings)
    endpoint = openai_endpoint(openai, load(SharedOpenAISettings))

    def make() -> Backend:
        from sightline_captioner.openai_compatible import OpenAI

        return OpenAI(settings, openai, endpoint)

    return Choice("openai", why, openai.model, openai_prompt(settings), make)


def _moondream(settings: CaptionerSettings, why: str) -> Choice:
    moondream = with_endpoint(load(MoondreamSettings))

    def make() -> Backend:
        if moondream.local:
            from sightline_captioner.moondream_local import LocalMoondream

            return LocalMoondream(settings, moondream)
        from sightline_captioner.moondream_http import Moondream

        return Moondream(settings, moondream)

    prompt = settings.prompt or f"caption, {settings.length}"
    return Choice("moondream", why, moondream.name, prompt, make)


def with_endpoint(moondream: MoondreamSettings) -> MoondreamSettings:
    """These settings, with the cloud as the endpoint where there is none.

    Raises:
        SettingsError: It is the cloud, and there is no key for it.
    """
    if moondream.endpoint or moondream.local:
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
