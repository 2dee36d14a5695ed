"""What answers where no language model is configured: nobody, but it shows what one would have been sent."""

from __future__ import annotations

from typing import Any

from livekit.agents import APIConnectOptions
from livekit.agents.llm import (
    ChatChunk,
    ChatContext,
    ChatMessage,
    ChoiceDelta,
    ImageContent,
    LLMStream,
    Tool,
    ToolChoice,
)
from livekit.agents.types import DEFAULT_API_CONNECT_OPTIONS, NOT_GIVEN, NotGivenOr

from sightline_agent.models import HOW, NO_MODEL, LanguageModel, NoModel

SENT = "This is what a model would have been sent:"
PICTURE = "[a picture]"


class Quoting(NoModel):
    """Answers each turn with how to configure a model, and with the turn as a model would have got it.

    In a terminal that is printed beside the reply; a page has nothing but the reply.
    """

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
        return _Quote(self, chat_ctx=chat_ctx, tools=tools or [], conn_options=conn_options)


def quoting(model: LanguageModel) -> LanguageModel:
    """The model; one that quotes in the place of none."""
    return Quoting() if isinstance(model, NoModel) else model


class _Quote(LLMStream):
    async def _run(self) -> None:
        for text in (f"{HOW}\n\n", f"{SENT}\n\n", quoted(self._chat_ctx)):
            delta = ChoiceDelta(role="assistant", content=text)
            self._event_ch.send_nowait(ChatChunk(id=NO_MODEL, delta=delta))


def quoted(chat_ctx: ChatContext) -> str:
    """The newest message of the user, as text; its pictures as a word each."""
    of_user = (
        item for item in reversed(chat_ctx.items) if isinstance(item, ChatMessage) and item.role == "user"
    )
    message = next(of_user, None)
    if message is None:
        return "nothing"
    parts = (PICTURE if isinstance(part, ImageContent) else str(part) for part in message.content)
    return "\n".join(part for part in parts if part)
