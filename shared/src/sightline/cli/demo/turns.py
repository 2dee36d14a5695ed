"""A turn of the agent, as a JSON record and as lines for people."""

from __future__ import annotations

from typing import Any

from sightline.cli.output import printable, seconds
from sightline.turns import TurnRecord


def turn_record(turn: TurnRecord) -> dict[str, Any]:
    """A turn as a JSON record: ``messages`` as sent to the model, ``captions`` and ``images`` with ages."""
    fields = turn.model_dump(mode="json", exclude={"id", "shown"})
    shown = [each.model_dump(mode="json") for each in turn.shown]
    captions = [each for each in shown if each["kind"] == "caption"]
    return {
        "event": "turn",
        **fields,
        "captions": captions,
        "images": [each for each in shown if each["kind"] == "image"],
    }


def turn_lines(turn: TurnRecord, system: bool = True) -> list[str]:
    """A turn for people: what was asked, what the model was sent, what it said.

    Args:
        system: With the system prompt.
    """
    ages = ", ".join(f"{seconds(each.age)} old" for each in turn.shown if each.kind == "caption")
    lines = [f"turn     {printable(turn.question)!r}, with captions {ages or 'of nothing: none is fresh'}"]
    for message in turn.messages:
        if message.get("role") == "system" and not system:
            continue
        role, *rest = f"{message.get('role')}: {text_of(message)}".splitlines()
        lines += [f"sent     {printable(role)}", *(f"             {printable(line)}" for line in rest)]
    if turn.reply:
        lines.append(f"reply    {printable(turn.reply)}")
    elif turn.error:
        lines.append(f"reply    none: {printable(turn.error)}")
    return lines


def text_of(message: dict[str, Any]) -> str:
    """The text of a chat message; its images as a word."""
    content = message.get("content")
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    return "\n".join(str(part.get("text") or f"[{part.get('type')}]") for part in parts)
