"""What one turn is shown, and where in the conversation it stands.

What a turn was shown stays in the ``extra`` of the user's message, which the conversation shares:
no provider is sent it, adoption of a preemptive reply keeps it, and every later turn renders the
message with it. Content is never edited in place: that is lost on voice turns.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from livekit.agents.llm import ChatContent, ChatContext, ChatItem, ChatMessage

from sightline.messages import Caption, EncodedImage, Shown
from sightline_agent import render
from sightline_agent.context import Seen, VisionContext
from sightline_agent.settings import AgentSettings

EXTRA = "sightline"
"""Our key in ``ChatMessage.extra``. Providers are sent those of `google`, `livekit` and `xai` only."""

SHOWABLE = frozenset({"", "image/jpeg", "image/png", "image/webp"})
"""Content types that models take."""


@dataclass(frozen=True, slots=True)
class Look:
    """What a turn is shown.

    Attributes:
        text: Shown with the message now, and in all later turns.
        kept: Shown with it in later turns, where that is something else.
        pictures: Shown with it now only: images, each after its label.
        shown: The same, for the record.
    """

    text: str
    kept: str
    pictures: list[ChatContent] = field(default_factory=list)
    shown: tuple[Shown, ...] = ()


def look(context: VisionContext, now: datetime, settings: AgentSettings, speaker: str = "") -> Look:
    """A lookup of what is in view now; no I/O.

    Args:
        now: The time on the bus's clock.
        speaker: Whose tracks come first.
    """
    captions = _captions(context, now, settings, speaker)
    images = _images(context, now, settings, speaker)
    text = render.view(captions, settings)
    # Images decay to their captions in the history. Without an encoder, captions are better than nothing.
    now_text = "" if images and settings.mode == "images" else text
    kept = text if captions or not images else render.view_of_images(images, settings)
    shown_captions = captions if now_text else []
    return Look(
        text=now_text,
        kept=kept,
        pictures=render.pictures(images, settings),
        shown=(
            *(_shown_caption(each, settings) for each in shown_captions),
            *(_shown_image(each) for each in images),
        ),
    )


def compose(chat_ctx: ChatContext, current: ChatMessage | None, sight: Look | None) -> ChatContext:
    """The conversation as the model is sent it: each user message with what was in view then.

    Args:
        chat_ctx: Left as it is, with all its messages.
        current: The message that this turn answers.
        sight: What ``current`` is shown with.
    """
    items: list[ChatItem] = [
        _with_view(item, sight if item is current else None)
        if isinstance(item, ChatMessage) and item.role == "user"
        else item
        for item in chat_ctx.items
    ]
    return ChatContext(items)


def remember(message: ChatMessage, sight: Look) -> None:
    """Keep with the message what it was shown with."""
    message.extra[EXTRA] = {"view": sight.kept}


def is_new(message: ChatMessage) -> bool:
    """Whether no turn has looked for this message yet."""
    return EXTRA not in message.extra


def last_user_message(chat_ctx: ChatContext) -> ChatMessage | None:
    """The newest message of the user's."""
    users = (
        item for item in reversed(chat_ctx.items) if isinstance(item, ChatMessage) and item.role == "user"
    )
    return next(users, None)


def continues_with_tools(chat_ctx: ChatContext) -> bool:
    """Whether this is the same turn again, now with what its tools answered."""
    return bool(chat_ctx.items) and chat_ctx.items[-1].type == "function_call_output"


def _with_view(message: ChatMessage, sight: Look | None) -> ChatMessage:
    if sight is not None:
        before = [*sight.pictures, *([sight.text] if sight.text else [])]
    else:
        # A conversation may come from anywhere, also out of somebody's store.
        kept = message.extra.get(EXTRA)
        view = kept.get("view") if isinstance(kept, dict) else None
        before = [view] if view and isinstance(view, str) else []
    return message.model_copy(update={"content": [*before, *message.content]}) if before else message


def _captions(
    context: VisionContext, now: datetime, settings: AgentSettings, speaker: str
) -> list[Seen[Caption]]:
    if settings.mode == "off":
        return []
    current = [each for each in context.describe(now, speaker) if render.quoted(each, settings)]
    told = {(each.participant, each.message.text) for each in current}
    past = (
        each
        for each in context.past(now, settings.past_seconds, speaker)
        if render.quoted(each, settings) and (each.participant, each.message.text) not in told
    )
    return [*current, *(past if settings.past_seconds else ())][: settings.max_captions]


def _images(
    context: VisionContext, now: datetime, settings: AgentSettings, speaker: str
) -> Sequence[Seen[EncodedImage]]:
    if settings.mode not in ("images", "both"):
        return []
    images = context.images(now, settings.image_profile, speaker)
    return [each for each in images if each.message.content_type in SHOWABLE][: settings.max_images]


def _shown_caption(seen: Seen[Caption], settings: AgentSettings) -> Shown:
    return Shown(
        kind="caption",
        participant=seen.participant,
        track=seen.frame.track.id,
        source=seen.source,
        sequence=seen.frame.sequence,
        trigger=seen.frame.trigger,
        age=round(seen.age, 3),
        past=seen.past,
        stage=seen.message.stage,
        model=seen.message.model,
        text=render.quoted(seen, settings),
    )


def _shown_image(seen: Seen[EncodedImage]) -> Shown:
    return Shown(
        kind="image",
        participant=seen.participant,
        track=seen.frame.track.id,
        source=seen.source,
        sequence=seen.frame.sequence,
        trigger=seen.frame.trigger,
        age=round(seen.age, 3),
        profile=seen.message.profile,
    )
