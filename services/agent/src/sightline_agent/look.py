"""What one turn is shown, as the model reads it and as the record tells it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from livekit.agents.llm import ChatContent

from sightline.errors import DecodeError
from sightline.messages import Caption, EncodedImage, LeftOut, Shown
from sightline_agent import render, tokens
from sightline_agent.choose import Choice, choose, left_out, of_caption, of_image
from sightline_agent.context import Seen, VisionContext
from sightline_agent.settings import AgentSettings, Mode


@dataclass(frozen=True, slots=True)
class Look:
    """What a turn is shown.

    Attributes:
        text: Shown with the message now, and in later turns while its pictures are.
        kept: Shown with it in later turns, once its pictures have decayed.
        pictures: Images, each after its label.
        shown: The same, for the record.
        left_out: What was known and is not shown.
        tokens: What it costs the model, estimated.
        header: A line above it all, of this turn only.
    """

    text: str
    kept: str
    pictures: list[ChatContent] = field(default_factory=list)
    shown: tuple[Shown, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    tokens: int = 0
    header: str = ""

    @property
    def content(self) -> list[ChatContent]:
        """As it stands in the message: pictures, then text."""
        return [*filter(None, [self.header]), *self.pictures, *filter(None, [self.text])]

    @property
    def images(self) -> int:
        """How many pictures it shows."""
        return sum(each.kind == "image" for each in self.shown)


def look(
    context: VisionContext,
    now: datetime,
    settings: AgentSettings,
    speaker: str = "",
    mode: Mode | None = None,
) -> Look:
    """A lookup of what is in view now; no I/O.

    Args:
        now: The time on the bus's clock.
        speaker: Whose tracks come first.
        mode: Other than that of the settings.
    """
    mode = mode or settings.mode
    choice = choose(context, now, settings, mode, speaker)
    pictures = _pictures(choice, settings)
    text = _text(choice, settings, mode)
    return Look(
        text=text,
        kept=_kept(choice, settings, mode),
        pictures=pictures,
        shown=(
            *(_shown_caption(each, settings) for each in choice.captions),
            *(_shown_image(each, settings) for each in choice.images),
        ),
        left_out=tuple(choice.left_out),
        tokens=tokens.of_text(text) + sum(of_image(each, settings) for each in choice.images),
    )


def _text(choice: Choice, settings: AgentSettings, mode: Mode) -> str:
    if mode == "off" or (choice.images and not choice.captions):
        return ""
    if not choice.captions and any(each.reason != "too_old" for each in choice.left_out):
        return ""  # there is something in view, which does not fit
    return render.view(choice.captions, settings)


def _kept(choice: Choice, settings: AgentSettings, mode: Mode) -> str:
    """Images decay to what captions say of them; without any, to that there were images."""
    captions = [*choice.behind, *choice.captions]
    if captions or not choice.images:
        return render.view(captions, settings) if captions else _text(choice, settings, mode)
    return render.view_of_images(choice.images, settings)


def _pictures(choice: Choice, settings: AgentSettings) -> list[ChatContent]:
    """Images as content; those that turn out to be none are left out."""
    content: list[ChatContent] = []
    images, choice.images = choice.images, []
    for image in images:
        try:
            content += render.picture(image, len(choice.images) + 1, settings)
            choice.images.append(image)
        except DecodeError:
            choice.left_out.append(left_out(image, "not_showable"))
    return content


def _shown_caption(seen: Seen[Caption], settings: AgentSettings) -> Shown:
    return Shown(
        kind="caption",
        id=seen.message.id,
        frame=seen.frame.id,
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
        tokens=of_caption(seen, settings),
    )


def _shown_image(seen: Seen[EncodedImage], settings: AgentSettings) -> Shown:
    return Shown(
        kind="image",
        id=seen.message.id,
        frame=seen.frame.id,
        participant=seen.participant,
        track=seen.frame.track.id,
        source=seen.source,
        sequence=seen.frame.sequence,
        trigger=seen.frame.trigger,
        age=round(seen.age, 3),
        profile=seen.message.profile,
        tokens=of_image(seen, settings),
    )
