"""Which turn of a conversation a request is of, and what each of its turns was shown.

What a turn was shown stays in the ``extra`` of a message that the conversation shares: no provider is
sent it, adoption of a preemptive reply keeps it, and every later request renders it in the same place.
Content is never edited in place: that is lost on voice turns. A reply that the agent begins by itself
has no message of a user's; what it is shown stands after the newest message there was, in what is sent
and never in the conversation itself.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any, Literal

from livekit.agents.llm import ChatContent, ChatContext, ChatItem, ChatMessage, FunctionCallOutput

from sightline_agent.look import Look
from sightline_agent.settings import Mode

EXTRA = "sightline"
"""Our key in ``ChatMessage.extra``. Providers are sent those of `google`, `livekit` and `xai` only."""

ASIDE = "sightline-view-"
"""How the id of a message begins that stands in what is sent only."""

UPLOAD = "sightline_upload"
"""Our key in the ``extra`` of a message that holds what somebody sent; such are nobody's words."""

MAX_CALLS = 64
"""Calls of tools whose turn is remembered."""

PLACEHOLDER = "_running_output"
"""How livekit-agents ends the id of what stands for the answer of a tool that still runs."""


@dataclass(slots=True)
class Turn:
    """One turn, which may take several requests: one, and one after each of its tools.

    Attributes:
        anchor: The user's message that it answers, or the newest message before a reply that the
            agent begins by itself; None where there is none yet.
        begun_by: Whose words it answers.
        words: The user's, of this turn.
        asked: What the agent had said just before these words.
        at: When it began, in seconds since 1970.
        mode: What it is to be shown; empty before that was chosen.
        look: What it is shown; None before it was looked for.
    """

    anchor: ChatMessage | None
    begun_by: Literal["user", "agent"]
    words: str = ""
    asked: str = ""
    at: float = 0.0
    mode: Mode | Literal[""] = ""
    look: Look | None = None

    @property
    def key(self) -> tuple[str, str]:
        """Where it stands in the conversation."""
        return self.anchor.id if self.anchor is not None else "", self.begun_by


class Conversation:
    """What the turns of one conversation were shown.

    Args:
        max_images: Images of earlier turns that are still shown.
    """

    def __init__(self, max_images: int = 0) -> None:
        self._max_images = max_images
        self._calls: dict[str, Turn] = {}
        self._pictured: list[Turn] = []
        self._opening: Turn | None = None

    def turn(self, chat_ctx: ChatContext, history: ChatContext) -> Turn:
        """The turn that a request is of.

        Args:
            chat_ctx: What the model is to be sent.
            history: The agent's own conversation.
        """
        message = _newest(chat_ctx, "user")
        answered = message is None or _is_answered(message, history)
        if message is not None and not answered and _is_new(message):
            return _of_user(message, chat_ctx)
        continued = self._continued(chat_ctx)
        if continued is not None:
            return continued
        if message is not None and not answered and not _is_instructed(chat_ctx, message):
            return _of_user(message, chat_ctx)  # once more: the first attempt failed
        return Turn(_newest(chat_ctx, "user", "assistant"), "agent", at=time.time())

    def called(self, turn: Turn, call_id: str) -> None:
        """The model called a tool in this turn."""
        self._calls.pop(call_id, None)
        self._calls[call_id] = turn
        if len(self._calls) > MAX_CALLS:
            del self._calls[next(iter(self._calls))]

    def keep(self, turn: Turn, look: Look) -> None:
        """This is what a turn is shown, now and later."""
        turn.look = look
        if turn.anchor is None:
            self._opening = turn
        elif turn.begun_by == "user":
            turn.anchor.extra[EXTRA] = {**_kept(turn.anchor), "view": look.kept}
        else:
            turn.anchor.extra[EXTRA] = {**_kept(turn.anchor), "after": look.kept, "at": turn.at}
        if look.images and self._max_images:
            self._pictured.append(turn)

    def compose(self, chat_ctx: ChatContext, turn: Turn) -> ChatContext:
        """The conversation as the model is sent it: each turn with what it was shown.

        Args:
            chat_ctx: Left as it is, with all its messages.
            turn: The one that the model is to answer.
        """
        earlier = self._still_pictured(turn, {item.id for item in chat_ctx.items})
        self._pictured = [*earlier, *(each for each in self._pictured if each is turn)]
        whole = {each.key: each.look for each in [*earlier, turn] if each.look is not None}
        items: list[ChatItem] = []
        asides: list[ChatMessage] = []
        if self._opening is not None and self._opening.look is not None:
            shown = whole.get(self._opening.key)
            asides += _aside("", shown, self._opening.look.kept, self._opening.at)
        for item in chat_ctx.items:
            if isinstance(item, ChatMessage) and item.role in ("user", "assistant"):
                kept = _kept(item)
                items.append(_with_view(item, whole.get((item.id, "user")), kept.get("view")))
                asides += _aside(item.id, whole.get((item.id, "agent")), kept.get("after"), kept.get("at"))
            else:
                items.append(item)
        for aside in asides:
            _insert(items, aside)
        return ChatContext(items)

    def _still_pictured(self, turn: Turn, known: set[str]) -> list[Turn]:
        """The earlier turns whose images have not decayed, the oldest first.

        Args:
            known: Ids of what is in the conversation: a preemptive reply that was thrown away is not.
        """
        kept: list[Turn] = []
        left = self._max_images
        for each in reversed(self._pictured):
            if each is turn or each.look is None or (each.anchor is not None and each.anchor.id not in known):
                continue
            left -= each.look.images
            if left < 0:
                break
            kept.append(each)
        return kept[::-1]

    def _continued(self, chat_ctx: ChatContext) -> Turn | None:
        """The turn whose tool has answered."""
        last = chat_ctx.items[-1] if chat_ctx.items else None
        if not isinstance(last, FunctionCallOutput) or last.id.endswith(PLACEHOLDER):
            return None
        return self._calls.get(last.call_id)


def _of_user(message: ChatMessage, chat_ctx: ChatContext) -> Turn:
    asked = ""
    for item in chat_ctx.items:
        if item is message:
            break
        if isinstance(item, ChatMessage) and item.role == "assistant":
            asked = item.raw_text_content or ""
    return Turn(message, "user", message.raw_text_content or "", asked, time.time())


def _newest(chat_ctx: ChatContext, *roles: str) -> ChatMessage | None:
    of_roles = (
        item
        for item in reversed(chat_ctx.items)
        if isinstance(item, ChatMessage) and item.role in roles and UPLOAD not in item.extra
    )
    return next(of_roles, None)


def _is_new(message: ChatMessage) -> bool:
    """Whether no turn has looked for this message yet."""
    return "view" not in _kept(message)


def _is_answered(message: ChatMessage, history: ChatContext) -> bool:
    # In the agent's own conversation: a turn's copy may have an assistant's message after the user's that
    # is no answer, as knowledge looked up in `on_user_turn_completed` is commonly given.
    index = history.index_by_id(message.id)
    after = history.items[index + 1 :] if index is not None else []
    return any(isinstance(item, ChatMessage) and item.role == "assistant" for item in after)


def _is_instructed(chat_ctx: ChatContext, message: ChatMessage) -> bool:
    """Whether the request has instructions of its own, as `generate_reply(instructions=…)` gives them."""
    index = chat_ctx.index_by_id(message.id) or 0
    return any(
        isinstance(item, ChatMessage)
        and item.role in ("system", "developer")
        and not item.id.startswith("lk.")
        for item in chat_ctx.items[index + 1 :]
    )


def _kept(message: ChatMessage) -> dict[str, Any]:
    # A conversation may come from anywhere, also out of somebody's store.
    kept = message.extra.get(EXTRA)
    return kept if isinstance(kept, dict) else {}


def _with_view(message: ChatMessage, look: Look | None, kept: object) -> ChatMessage:
    before = _content(look, kept)
    return message.model_copy(update={"content": [*before, *message.content]}) if before else message


def _aside(anchor: str, look: Look | None, kept: object, at: object) -> list[ChatMessage]:
    """What a reply was shown that the agent began by itself, where it was shown anything."""
    content = _content(look, kept)
    if not content or not isinstance(at, float):
        return []
    return [ChatMessage(id=ASIDE + anchor, role="user", content=content, created_at=at)]


def _content(look: Look | None, kept: object) -> list[ChatContent]:
    if look is not None:
        return look.content
    return [kept] if kept and isinstance(kept, str) else []


def _insert(items: list[ChatItem], aside: ChatMessage) -> None:
    """After its anchor and all that was there then; not between a tool's call and its answer."""
    anchor = aside.id.removeprefix(ASIDE)
    index = next((place + 1 for place, item in enumerate(items) if item.id == anchor), 0)
    while index < len(items) and _stays_before(items[index], aside.created_at):
        index += 1
    items.insert(index, aside)


def _stays_before(item: ChatItem, at: float) -> bool:
    return item.created_at <= at or isinstance(item, FunctionCallOutput)
