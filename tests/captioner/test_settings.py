"""Which backend is chosen, and what bad settings say."""

from __future__ import annotations

import pytest

from sightline.errors import SettingsError
from sightline_captioner.choose import choose, openai_endpoint
from sightline_captioner.moondream_http import Moondream
from sightline_captioner.moondream_local import LocalMoondream
from sightline_captioner.offline.backend import Offline
from sightline_captioner.openai_compatible import OpenAI
from sightline_captioner.prompts import PROMPTS
from sightline_captioner.settings import CaptionerOpenAISettings, CaptionerSettings, SharedOpenAISettings
from sightline_captioner.worker import Captioner

Env = dict[str, str]


def set_all(monkeypatch: pytest.MonkeyPatch, env: Env) -> None:
    for name, value in env.items():
        monkeypatch.setenv(name, value)


MOONDREAM = {"MOONDREAM_API_KEY": "k"}
OPENAI = {"CAPTIONER_OPENAI_MODEL": "m", "CAPTIONER_OPENAI_BASE_URL": "http://127.0.0.1:1/v1"}


@pytest.mark.parametrize(
    ("env", "name", "why"),
    [
        ({}, "offline", "neither"),
        (MOONDREAM, "moondream", "MOONDREAM_API_KEY is set"),
        ({"MOONDREAM_ENDPOINT": "http://127.0.0.1:2020/v1"}, "moondream", "MOONDREAM_ENDPOINT is set"),
        ({"MOONDREAM_LOCAL": "true", **MOONDREAM}, "moondream", "MOONDREAM_LOCAL is set"),
        (OPENAI, "openai", "CAPTIONER_OPENAI_MODEL is set"),
        (MOONDREAM | OPENAI, "moondream", "MOONDREAM_API_KEY is set"),
        (MOONDREAM | {"CAPTIONER_BACKEND": "offline"}, "offline", "CAPTIONER_BACKEND says so"),
        # The agent's language model has a key; that does not mean that pictures go there, too.
        ({"OPENAI_API_KEY": "k"}, "offline", "neither"),
    ],
)
def test_the_backend_is_the_first_that_is_configured(
    env: Env, name: str, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_all(monkeypatch, env)
    choice = choose(CaptionerSettings())
    assert choice.name == name
    assert why in choice.why


@pytest.mark.parametrize(
    ("env", "kind", "model", "prompt"),
    [
        ({}, Offline, "offline", "offline, normal"),
        (MOONDREAM, Moondream, "moondream", "caption, normal"),
        (MOONDREAM | {"CAPTIONER_PROMPT": " Who? "}, Moondream, "moondream", "Who?"),
        (MOONDREAM | {"MOONDREAM_MODEL": "moondream3/ft@7"}, Moondream, "moondream3/ft@7", "caption, normal"),
        ({"MOONDREAM_LOCAL": "1"}, LocalMoondream, "moondream3.1-9B-A2B", "caption, normal"),
        (OPENAI, OpenAI, "m", PROMPTS["normal"]),
        (OPENAI | {"CAPTIONER_LENGTH": "short"}, OpenAI, "m", PROMPTS["short"]),
        (OPENAI | {"CAPTIONER_PROMPT": "Who?"}, OpenAI, "m", "Who?"),
    ],
)
def test_a_caption_names_the_model_that_wrote_it_and_what_it_was_asked(
    env: Env, kind: type, model: str, prompt: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_all(monkeypatch, env)
    choice = choose(CaptionerSettings())
    assert type(choice.make()) is kind
    assert (choice.model, choice.prompt) == (model, prompt)


@pytest.mark.parametrize(
    ("env", "variable", "hint"),
    [
        ({"CAPTIONER_BACKEND": "gpt"}, "CAPTIONER_BACKEND", "'offline'"),
        ({"CAPTIONER_BACKEND": "moondream"}, "MOONDREAM_API_KEY", "MOONDREAM_ENDPOINT"),
        ({"CAPTIONER_BACKEND": "openai"}, "CAPTIONER_OPENAI_MODEL", "vision model"),
        ({"CAPTIONER_OPENAI_MODEL": "m"}, "CAPTIONER_OPENAI_API_KEY", "OPENAI_API_KEY"),
        ({"CAPTIONER_LENGTH": "huge"}, "CAPTIONER_LENGTH", "'short'"),
        ({"CAPTIONER_CONCURRENCY": "0"}, "CAPTIONER_CONCURRENCY", "greater than or equal to 1"),
        ({"CAPTIONER_DEADLINE": "soon"}, "CAPTIONER_DEADLINE", "number"),
        ({"CAPTIONER_PROMPT": "x" * 2001}, "CAPTIONER_PROMPT", "2000"),
        ({"CAPTIONER_TESSERACT_LANGUAGES": "eng; rm"}, "CAPTIONER_TESSERACT_LANGUAGES", "match"),
        ({"MOONDREAM_ENDPOINT": "127.0.0.1:2020"}, "MOONDREAM_ENDPOINT", "http://127.0.0.1:2020/v1"),
        ({"MOONDREAM_ENDPOINT": "file:///etc/passwd"}, "MOONDREAM_ENDPOINT", "http://"),
        ({"MOONDREAM_ENDPOINT": "http://host:99999"}, "MOONDREAM_ENDPOINT", "ort"),
        ({"MOONDREAM_LOCAL": "perhaps"}, "MOONDREAM_LOCAL", "boolean"),
        ({"MOONDREAM_API_KEY": "two words"}, "MOONDREAM_API_KEY", "without blanks"),
        (OPENAI | {"CAPTIONER_OPENAI_API_KEY": "schlüssel"}, "CAPTIONER_OPENAI_API_KEY", "ASCII"),
        (OPENAI | {"CAPTIONER_OPENAI_MAX_TOKENS": "0"}, "CAPTIONER_OPENAI_MAX_TOKENS", "1"),
        ({"CAPTIONER_OPENAI_MODEL": "m", "OPENAI_BASE_URL": "ftp://x"}, "OPENAI_BASE_URL", "http://"),
    ],
)
def test_a_bad_setting_stops_the_start_with_its_name(
    env: Env, variable: str, hint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_all(monkeypatch, env)
    with pytest.raises(SettingsError) as caught:
        Captioner()
    assert str(caught.value).startswith(f"{variable}: ")
    assert hint in str(caught.value)


@pytest.mark.parametrize("variable", ["MOONDREAM_API_KEY", "CAPTIONER_OPENAI_API_KEY"])
def test_a_bad_key_is_not_shown(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    set_all(monkeypatch, OPENAI | {variable: "sehr geheim"})
    with pytest.raises(SettingsError) as caught:
        Captioner()
    assert "geheim" not in str(caught.value)


def test_a_key_from_a_file_may_end_in_a_newline(monkeypatch: pytest.MonkeyPatch) -> None:
    set_all(monkeypatch, {"CAPTIONER_OPENAI_MODEL": "m", "CAPTIONER_OPENAI_API_KEY": "k\n"})
    endpoint = openai_endpoint(CaptionerOpenAISettings(), SharedOpenAISettings())
    assert endpoint.api_key.get_secret_value() == "k"


OWN, SHARED = "http://own:8000/v1", "http://shared:8000/v1"


@pytest.mark.parametrize(
    ("env", "base_url", "key"),
    [
        ({"CAPTIONER_OPENAI_BASE_URL": f"{OWN}/", "OPENAI_API_KEY": "shared"}, OWN, ""),
        ({"CAPTIONER_OPENAI_BASE_URL": OWN, "CAPTIONER_OPENAI_API_KEY": "own"}, OWN, "own"),
        ({"OPENAI_BASE_URL": SHARED, "OPENAI_API_KEY": "shared"}, SHARED, "shared"),
        ({"OPENAI_BASE_URL": SHARED}, SHARED, ""),
        ({"OPENAI_API_KEY": "shared"}, "https://api.openai.com/v1", "shared"),
        (
            {"OPENAI_API_KEY": "shared", "CAPTIONER_OPENAI_API_KEY": "own"},
            "https://api.openai.com/v1",
            "own",
        ),
    ],
)
def test_a_key_goes_to_its_own_endpoint_only(
    env: Env, base_url: str, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_all(monkeypatch, env | {"CAPTIONER_OPENAI_MODEL": "m"})
    endpoint = openai_endpoint(CaptionerOpenAISettings(), SharedOpenAISettings())
    assert (endpoint.base_url, endpoint.api_key.get_secret_value()) == (base_url, key)


def test_the_identity_changes_with_model_prompt_and_length(monkeypatch: pytest.MonkeyPatch) -> None:
    def identity(**env: str) -> str:
        with monkeypatch.context() as patch:
            set_all(patch, env)
            return Captioner().identity

    variants = [
        {},
        MOONDREAM,
        MOONDREAM | {"MOONDREAM_MODEL": "other"},
        MOONDREAM | {"CAPTIONER_LENGTH": "short"},
        MOONDREAM | {"CAPTIONER_PROMPT": "Who is there?"},
        OPENAI,
        OPENAI | {"CAPTIONER_LENGTH": "long"},
    ]
    identities = [identity(**variant) for variant in variants]
    assert len(set(identities)) == len(variants)
    assert identity(**MOONDREAM) == identity(**MOONDREAM)
