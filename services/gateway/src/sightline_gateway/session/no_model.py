"""What answers where no language model is configured: nobody, but it shows what one would have been sent."""

from __future__ import annotations

from collections.abc import Iterable

from livekit.agents.llm import ChatContext, ChatMessage, ImageContent

from sightline_agent.models import HOW, LanguageModel, NoModel

SENT = "This is what a model would have been sent:"
PICTURE = "[a picture]"


class Quoting(NoModel):
    """Answers each turn with how to configure a model, and with the turn as a model would have got it.

    In a terminal that is printed beside the reply; a page has nothing but the reply.
    """

    def texts(self, chat_ctx: ChatContext) -> Iterable[str]:
        return f"{HOW}\n\n", f"{SENT}\n\n", quoted(chat_ctx)


def quoting(model: LanguageModel) -> LanguageModel:
    """The model; one that quotes in the place of none."""
    return Quoting() if isinstance(model, NoModel) else model


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
