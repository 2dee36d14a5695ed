"""Settings of the captioner."""

from __future__ import annotations

import re
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr
from pydantic_settings import SettingsConfigDict

from sightline.config import Settings

BackendName = Literal["moondream", "openai", "offline"]
Length = Literal["short", "normal", "long"]

MOONDREAM_CLOUD = "https://api.moondream.ai/v1"
LOCAL_MODEL = "moondream3.1-9B-A2B"
OPENAI_CLOUD = "https://api.openai.com/v1"


def _check_key(key: SecretStr) -> SecretStr:
    # Keys read from a file end in a newline; anything else that is no header value is a mistake.
    value = key.get_secret_value().strip()
    if not re.fullmatch(r"[!-~]*", value):
        raise ValueError("expected printable ASCII characters without blanks")
    return SecretStr(value)


def _check_url(value: str) -> str:
    url = value.strip().rstrip("/")
    if not url:
        return url
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise ValueError("expected an address such as http://127.0.0.1:2020/v1")
    _ = parts.port  # raises ValueError where it is none
    return url


Key = Annotated[SecretStr, AfterValidator(_check_key)]
Url = Annotated[str, AfterValidator(_check_url)]
Stripped = BeforeValidator(lambda value: value.strip() if isinstance(value, str) else value)


class CaptionerSettings(Settings):
    """Who describes frames, and how."""

    model_config = SettingsConfigDict(env_prefix="CAPTIONER_")

    backend: Literal["auto", "moondream", "openai", "offline"] = Field(
        "auto",
        description="`moondream`, `openai` (any compatible endpoint) or `offline` (no model). `auto` takes "
        "the first of these that is configured.",
    )
    length: Length = Field("normal", description="Length of a caption: `short`, `normal` or `long`.")
    prompt: Annotated[str, Stripped] = Field(
        "",
        max_length=2_000,
        description="What to say about a frame, instead of describing it; `offline` has no use for it.",
    )
    concurrency: int = Field(
        4,
        ge=1,
        le=256,
        description="Frames described at once by one replica; as many again where somebody waits.",
    )
    deadline: float = Field(20.0, gt=0, le=600, description="Seconds that one frame or question may take.")
    max_fps: float = Field(1.0, gt=0, le=60, description="Frames a second of one track, at most.")
    max_width: int = Field(1024, ge=64, le=7680, description="Widest picture of use to the model, in pixels.")
    tesseract: str = Field(
        "tesseract",
        description="Program that `offline` reads text with, where it is installed; empty reads none.",
    )
    tesseract_languages: str = Field(
        "eng", pattern=r"^[A-Za-z0-9_+/-]{1,200}$", description="Its languages: `eng+deu`."
    )


class MoondreamSettings(Settings):
    """The backend `moondream`."""

    model_config = SettingsConfigDict(env_prefix="MOONDREAM_")

    api_key: Key = Field(
        SecretStr(""),
        description="Key of Moondream's cloud, or of `MOONDREAM_ENDPOINT` where that wants one.",
    )
    endpoint: Url = Field(
        "",
        description=f"Self-hosted endpoint, such as Moondream Station's `http://127.0.0.1:2020/v1`; empty is "
        f"the cloud, `{MOONDREAM_CLOUD}`.",
    )
    model: Annotated[str, Stripped] = Field(
        "",
        max_length=200,
        description=f"Model or fine-tune; empty is the endpoint's own choice, locally `{LOCAL_MODEL}`.",
    )
    local: bool = Field(
        False, description="Run `MOONDREAM_MODEL` in this process, on its GPU (extra `local-gpu`)."
    )

    @property
    def name(self) -> str:
        """The model, for captions and messages."""
        return self.model or (LOCAL_MODEL if self.local else "moondream")


class CaptionerOpenAISettings(Settings):
    """The backend `openai`."""

    model_config = SettingsConfigDict(env_prefix="CAPTIONER_OPENAI_")

    model: Annotated[str, Stripped] = Field("", max_length=200, description="Vision model. Required.")
    base_url: Url = Field(
        "",
        description="Any OpenAI-compatible endpoint (vLLM, Ollama, OpenRouter); empty is `OPENAI_BASE_URL`, "
        "or OpenAI's.",
    )
    api_key: Key = Field(
        SecretStr(""),
        description="Its key, where it wants one. Empty is `OPENAI_API_KEY`, unless "
        "`CAPTIONER_OPENAI_BASE_URL` is set: a key goes to no other endpoint than its own.",
    )
    max_tokens: int = Field(300, ge=1, le=32_000, description="Tokens of one caption or answer, at most.")
    detail: Literal["auto", "low", "high"] = Field(
        "auto", description="How closely the model looks, where its API has that choice."
    )


class SharedOpenAISettings(Settings):
    """OpenAI, as everything on this machine uses it."""

    model_config = SettingsConfigDict(env_prefix="OPENAI_")

    base_url: Url = Field("", description="Used where `CAPTIONER_OPENAI_BASE_URL` is empty.")
    api_key: Key = Field(SecretStr(""), description="Used where both `CAPTIONER_OPENAI_…` are empty.")
