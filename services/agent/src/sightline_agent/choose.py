"""What of what is known a turn is shown: the speaker's first, the freshest first, within the limits."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from sightline.messages import Caption, EncodedImage, LeftOut
from sightline.turns import Reason
from sightline_agent import render, tokens
from sightline_agent.context import Seen, VisionContext
from sightline_agent.settings import AgentSettings, Mode

M = TypeVar("M", Caption, EncodedImage)

SHOWABLE = frozenset({"", "image/jpeg", "image/png", "image/webp"})
"""Content types that models take."""

MAX_LEFT_OUT = 50
"""Things left out that a record names."""


@dataclass(slots=True)
class Choice:
    """What a turn is shown.

    Attributes:
        captions: What is in view, then what was seen earlier.
        images: Shown as pictures.
        behind: Captions of what ``images`` show, for when these have decayed.
        left_out: What was known and is not shown.
    """

    captions: list[Seen[Caption]] = field(default_factory=list)
    images: list[Seen[EncodedImage]] = field(default_factory=list)
    behind: list[Seen[Caption]] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)


def choose(
    context: VisionContext, now: datetime, settings: AgentSettings, mode: Mode, speaker: str = ""
) -> Choice:
    """Choose; a lookup, without I/O.

    What is in view comes before what was seen earlier. In mode `images`, captions are of tracks that no
    image is shown of.

    Args:
        now: The time on the bus's clock.
        speaker: Whose tracks come first.
    """
    return Choice() if mode == "off" else _Choosing(context, now, settings, speaker).choose(mode)


class _Choosing:
    def __init__(self, context: VisionContext, now: datetime, settings: AgentSettings, speaker: str) -> None:
        self._context, self._now, self._settings, self._speaker = context, now, settings, speaker
        self._budget = tokens.Budget(settings.max_view_tokens)
        self._choice = Choice()

    def choose(self, mode: Mode) -> Choice:
        self._budget.take(tokens.of_text(self._settings.view_template))
        current = self._said(self._context.describe(self._now, self._speaker))
        if mode == "images":
            self._take_images()
            pictured = {_track(each) for each in self._choice.images}
            self._choice.behind = [each for each in current if _track(each) in pictured]
            self._take_captions(each for each in current if _track(each) not in pictured)
        else:
            self._take_captions(current)
            if mode == "both":
                self._take_images()
            self._take_captions(self._past(current))
        self._leave_out_the_faded(mode)
        del self._choice.left_out[MAX_LEFT_OUT:]
        return self._choice

    def _take_captions(self, captions: Iterable[Seen[Caption]]) -> None:
        chosen = self._choice.captions
        for each in captions:
            if len(chosen) >= self._settings.max_captions:
                self._leave_out(each, "too_many")
            elif not self._budget.take(of_caption(each, self._settings)):
                self._leave_out(each, "over_budget")
            else:
                chosen.append(each)

    def _take_images(self) -> None:
        chosen = self._choice.images
        for each in self._context.images(self._now, self._settings.image_profile, self._speaker):
            if each.message.content_type not in SHOWABLE:
                self._leave_out(each, "not_showable")
            elif len(chosen) >= self._settings.max_images:
                self._leave_out(each, "too_many")
            elif not self._budget.take(of_image(each, self._settings)):
                self._leave_out(each, "over_budget")
            else:
                chosen.append(each)

    def _past(self, current: list[Seen[Caption]]) -> list[Seen[Caption]]:
        """What was seen earlier and is not what is in view again."""
        within = self._settings.past_seconds
        told = {(each.participant, each.message.text) for each in current}
        past = self._said(self._context.past(self._now, within, self._speaker)) if within else []
        return [each for each in past if (each.participant, each.message.text) not in told]

    def _said(self, captions: Iterable[Seen[Caption]]) -> list[Seen[Caption]]:
        return [each for each in captions if render.quoted(each, self._settings)]

    def _leave_out_the_faded(self, mode: Mode) -> None:
        shown = {each.message.id for each in self._choice.captions}
        for each in self._context.faded(self._now, self._speaker):
            if each.message.id not in shown and each.age > self._settings.past_seconds:
                self._leave_out(each, "too_old")
        if mode in ("images", "both"):
            for image in self._context.faded_images(self._now, self._settings.image_profile, self._speaker):
                self._leave_out(image, "too_old")

    def _leave_out(self, seen: Seen[M], reason: Reason) -> None:
        self._choice.left_out.append(left_out(seen, reason))


def left_out(seen: Seen[M], reason: Reason) -> LeftOut:
    """The record of one thing that is known and not shown."""
    return LeftOut(
        kind="caption" if isinstance(seen.message, Caption) else "image",
        id=seen.message.id,
        participant=seen.participant,
        track=seen.frame.track.id,
        source=seen.source,
        sequence=seen.frame.sequence,
        age=round(seen.age, 3),
        reason=reason,
    )


def of_caption(caption: Seen[Caption], settings: AgentSettings) -> int:
    """Tokens of its line, estimated."""
    return tokens.of_text(render.line(caption, settings))


def of_image(image: Seen[EncodedImage], settings: AgentSettings) -> int:
    """Tokens of an image and its label, estimated."""
    size = tokens.of_image(image.message.width, image.message.height, settings.image_detail)
    return size + tokens.of_text(render.label(image, 1))


def _track(seen: Seen[M]) -> tuple[str, str]:
    return seen.participant, seen.frame.track.id
