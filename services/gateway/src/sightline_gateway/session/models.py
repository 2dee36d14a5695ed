"""The models that sessions talk with, shared by any number of sessions."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from livekit.agents import APIConnectOptions, stt, tts
from livekit.agents.llm import ChatContext, LLMStream, Tool, ToolChoice
from livekit.agents.types import DEFAULT_API_CONNECT_OPTIONS, NOT_GIVEN, NotGivenOr

from sightline_agent.models import (
    LanguageModel,
    can_speak,
    language_model,
    speech_to_text,
    text_to_speech,
)
from sightline_agent.settings import AgentSettings
from sightline_gateway.session.no_model import quoting


@dataclass(frozen=True, slots=True)
class Models:
    """What a session answers, hears and speaks with.

    Attributes:
        llm: The language model.
        stt: Speech to text; None where no endpoint of speech is set.
        tts: Text to speech; None likewise.
    """

    llm: LanguageModel
    stt: stt.STT[Any] | None = None
    tts: tts.TTS[Any] | None = None

    @classmethod
    def configured(cls, settings: AgentSettings) -> Models:
        """Those of the agent's settings. Reads certificates from the disk: call it in a thread."""
        speaks = can_speak(settings)
        return cls(
            llm=quoting(language_model(settings)),
            stt=speech_to_text(settings) if speaks else None,
            tts=text_to_speech(settings) if speaks else None,
        )

    async def aclose(self) -> None:
        """Close their connections. Never raises."""
        models = [each for each in (self.llm, self.stt, self.tts) if each is not None]
        await asyncio.gather(*(each.aclose() for each in models), return_exceptions=True)


class Apart(LanguageModel):
    """A shared model, as one session has it.

    livekit-agents tells of a model's errors on the model, so that every session with it would count an
    error of one session as its own, and end after too many.
    """

    def __init__(self, shared: LanguageModel) -> None:
        super().__init__()
        self._shared = shared

    @property
    def model(self) -> str:
        return self._shared.model

    @property
    def provider(self) -> str:
        return self._shared.provider

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
        return self._shared.chat(
            chat_ctx=chat_ctx,
            tools=tools,
            conn_options=conn_options,
            parallel_tool_calls=parallel_tool_calls,
            tool_choice=tool_choice,
            extra_kwargs=extra_kwargs,
        )


class ApartVoice(tts.TTS[Any]):
    """A shared voice, as one session has it; see ``Apart``."""

    def __init__(self, shared: tts.TTS[Any]) -> None:
        super().__init__(
            capabilities=shared.capabilities,
            sample_rate=shared.sample_rate,
            num_channels=shared.num_channels,
        )
        self._shared = shared

    @property
    def model(self) -> str:
        return self._shared.model

    @property
    def provider(self) -> str:
        return self._shared.provider

    def synthesize(
        self, text: str, *, conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS
    ) -> tts.ChunkedStream:
        return self._shared.synthesize(text, conn_options=conn_options)

    def stream(
        self, *, conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS
    ) -> tts.SynthesizeStream:
        return self._shared.stream(conn_options=conn_options)
