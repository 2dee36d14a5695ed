"""The agent's models, from its settings: any OpenAI-compatible endpoint, or none."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

from livekit.agents import AgentSession, APIConnectOptions, llm, stt, tts
from livekit.agents.llm import ChatChunk, ChatContext, ChoiceDelta, LLMStream, Tool, ToolChoice
from livekit.agents.types import DEFAULT_API_CONNECT_OPTIONS, NOT_GIVEN, NotGivenOr
from livekit.agents.voice.agent_session import SessionConnectOptions
from livekit.plugins import openai
from pydantic import SecretStr

from sightline.config import load
from sightline.errors import SettingsError
from sightline.log import get_logger
from sightline_agent.realtime.settings import RealtimeSettings
from sightline_agent.settings import AgentSettings, OpenAISettings

log = get_logger()

CLOSE_SECONDS = 3.0

HOW = """\
No language model is configured, so nobody answered. Set OPENAI_API_KEY for OpenAI; or, for any \
OpenAI-compatible endpoint (vLLM, Ollama, OpenRouter), AGENT_LLM_BASE_URL with AGENT_LLM_MODEL and, \
where it wants a key, AGENT_LLM_API_KEY."""

NO_MODEL = "none"
"""The name of ``NoModel`` in records."""

LanguageModel = llm.LLM[Any]

ANY_KEY = "none"
"""For endpoints that want none; the client insists on one."""


class NoModel(LanguageModel):
    """Stands where no language model is configured: answers each turn with how to configure one."""

    @property
    def model(self) -> str:
        return NO_MODEL

    @property
    def provider(self) -> str:
        return NO_MODEL

    def chat(
        self,
        *,
        chat_ctx: ChatContext,
        tools: list[Tool] | None = None,
        conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS,
        parallel_tool_calls: NotGivenOr[bool] = NOT_GIVEN,
        tool_choice: NotGivenOr[ToolChoice] = NOT_GIVEN,
        extra_kwargs: NotGivenOr[dict[str, Any]] = NOT_GIVEN,
    ) -> LLMStream:
        return _Texts(self, chat_ctx=chat_ctx, tools=tools or [], conn_options=conn_options)

    def texts(self, chat_ctx: ChatContext) -> Iterable[str]:
        """The pieces of its answer."""
        return (HOW,)


class _Texts(LLMStream):
    async def _run(self) -> None:
        assert isinstance(self._llm, NoModel)
        for text in self._llm.texts(self._chat_ctx):
            delta = ChoiceDelta(role="assistant", content=text)
            self._event_ch.send_nowait(ChatChunk(id=NO_MODEL, delta=delta))


def language_model(settings: AgentSettings) -> LanguageModel:
    """The model that answers; ``NoModel`` where neither an endpoint nor a key is set."""
    base_url, key = _model_endpoint(settings)
    if not base_url and not key:
        return NoModel()
    return openai.LLM(model=settings.llm_model, base_url=base_url or NOT_GIVEN, api_key=key or ANY_KEY)


def require_model(settings: AgentSettings) -> None:
    """Raises SettingsError: there is no language model, and no realtime model, to talk with."""
    realtime = load(RealtimeSettings)
    if realtime.model and not any(realtime_endpoint(realtime)):
        raise SettingsError(
            "AGENT_REALTIME_BASE_URL, OPENAI_BASE_URL, OPENAI_API_KEY: expected an endpoint or a key for the "
            f"realtime model {realtime.model!r}, got none of them"
        )
    if not realtime.model and not any(_model_endpoint(settings)):
        raise SettingsError(
            "AGENT_LLM_BASE_URL, OPENAI_BASE_URL, OPENAI_API_KEY: expected an endpoint or a key for the "
            "agent's language model, got none of them; `sightline chat` works without"
        )


class SpeechToText(openai.STT):
    """OpenAI's, which leaves its HTTP client open when it is closed; this one closes it, too."""

    async def aclose(self) -> None:
        try:
            await super().aclose()
        finally:
            await self._client.close()


def speech_to_text(settings: AgentSettings) -> stt.STT[Any]:
    base_url, key = _speech_endpoint(settings)
    return SpeechToText(model=settings.stt_model, base_url=base_url, api_key=key)


def text_to_speech(settings: AgentSettings) -> tts.TTS[Any]:
    base_url, key = _speech_endpoint(settings)
    return openai.TTS(model=settings.tts_model, voice=settings.tts_voice, base_url=base_url, api_key=key)


def can_speak(settings: AgentSettings) -> bool:
    """Whether there is an endpoint of speech."""
    return any(_endpoint(settings.speech_base_url, settings.speech_api_key))


async def close_models(session: AgentSession[Any]) -> None:
    """Close the models that a session was made with, which it does not do. Bounded; never raises."""
    models = [model for model in (session.stt, session.llm, session.tts) if model is not None]
    closing = [asyncio.create_task(model.aclose()) for model in models]
    if not closing:
        return
    _, late = await asyncio.wait(closing, timeout=CLOSE_SECONDS)
    for task in late:
        task.cancel()
    results = await asyncio.gather(*closing, return_exceptions=True)
    for model, result in zip(models, results, strict=True):
        if isinstance(result, BaseException):
            log.warning("model_not_closed", model=model.label, reason=repr(result))


def connect_options(settings: AgentSettings) -> SessionConnectOptions:
    """How long models may take, and how often they are asked again."""
    return SessionConnectOptions(
        llm_conn_options=APIConnectOptions(max_retry=2, retry_interval=0.5, timeout=settings.llm_timeout)
    )


def realtime_endpoint(settings: RealtimeSettings) -> tuple[str, str]:
    """URL and key of the realtime model; each empty where none is set."""
    return _endpoint(settings.base_url, settings.api_key)


def _model_endpoint(settings: AgentSettings) -> tuple[str, str]:
    return _endpoint(settings.llm_base_url, settings.llm_api_key)


def _speech_endpoint(settings: AgentSettings) -> tuple[NotGivenOr[str], str]:
    base_url, key = _endpoint(settings.speech_base_url, settings.speech_api_key)
    return base_url or NOT_GIVEN, key or ANY_KEY


def _endpoint(base_url: str, key: SecretStr) -> tuple[str, str]:
    """URL and key. The shared key goes to the shared endpoint only, never to another."""
    shared = load(OpenAISettings)
    if base_url:
        return base_url, key.get_secret_value()
    return shared.base_url, key.get_secret_value() or shared.api_key.get_secret_value()
