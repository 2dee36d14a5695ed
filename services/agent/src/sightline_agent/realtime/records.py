"""The record of each reply of a realtime model, once its words are complete."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from livekit.agents import AgentSession, ConversationItemAddedEvent
from livekit.agents.llm import ChatMessage

from sightline.messages import Shown, TurnRecord
from sightline_agent.conversation import EXTRA
from sightline_agent.realtime.session import realtime_model


class RealtimeRecords:
    """Tells of each reply that a session's realtime model gave, from ``open`` to ``close``.

    The model holds the conversation and the time by itself, so a record has neither messages nor seconds.
    What the user said is as far as it was transcribed when the reply was complete.

    Args:
        begin: The record, as far as the session does not matter.
        shown: What the model was last told is in view, with ages of now.
        tell: Called with each record.
    """

    def __init__(
        self,
        session: AgentSession[Any],
        begin: Callable[[], TurnRecord],
        shown: Callable[[], tuple[Shown, ...]],
        tell: Callable[[TurnRecord], None],
    ) -> None:
        self._session = session
        self._begin, self._shown, self._tell = begin, shown, tell
        self._question = ""

    def open(self) -> None:
        self._session.on("conversation_item_added", self._on_item)

    def close(self) -> None:
        self._session.off("conversation_item_added", self._on_item)

    def _on_item(self, event: ConversationItemAddedEvent) -> None:
        item = event.item
        if not isinstance(item, ChatMessage) or realtime_model(self._session) is None:
            return
        if item.role == "user" and EXTRA not in item.extra:
            self._question = item.raw_text_content or ""
        elif item.role == "assistant":
            self._replied(item)

    def _replied(self, reply: ChatMessage) -> None:
        question, self._question = self._question, ""
        shown = self._shown()
        self._tell(
            self._begin().model_copy(
                update={
                    "question": question,
                    "begun_by": "user" if question else "agent",
                    "shown": shown,
                    "view_tokens": sum(each.tokens for each in shown),
                    "reply": reply.raw_text_content or "",
                    "error": "cancelled" if reply.interrupted else "",
                }
            )
        )
