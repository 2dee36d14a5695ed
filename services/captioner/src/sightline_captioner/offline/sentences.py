"""Measurements in plain sentences. They say no more than was measured."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from sightline_captioner.offline.look import Box, Change, Look
from sightline_captioner.settings import Length
from sightline_captioner.text import quoted

QUOTED = {"short": 80, "normal": 200, "long": 600}
"""Characters of a text or code that a caption of this length quotes."""

WHO = (
    "No model looked at this: I am the offline captioner, which measures pictures and recognises nothing but "
    "faces, QR codes and printed text."
)

_SMALL, _LARGE = 0.05, 0.5


def describe(look: Look, text: str | None, length: Length) -> str:
    """The caption.

    Args:
        look: What was measured.
        text: What tesseract read; None when nothing could read.
        length: ``short`` leaves out colours, ``long`` adds shares and places.
    """
    colours = "" if length == "short" else _colours(look, length)
    # What was found comes first: readers cut captions at their end.
    found = [_faces(look, length), _text(text, length), *_codes(look, length)]
    return " ".join(part for part in [*found, _light(look), colours, _change(look)] if part)


def answer(look: Look, text: str | None, question: str) -> str:
    """What was measured that the question is about, or all of it, and who says so."""
    topics: dict[str, Callable[[], str]] = {
        r"text|say|said|read|writ|word|letter|label|sign|title": lambda: (
            _text(text, "long") or _no_text(text)
        ),
        r"colou?r|red|green|blue|yellow|white|black": lambda: _colours(look, "long"),
        r"who|face|person|people|someone|somebody|anyone|anybody|man|woman": lambda: (
            _faces(look, "long") or "No face is visible from the front."
        ),
        r"qr|code|link|url": lambda: (
            " ".join(_codes(look, "long")) or "There is no QR code that can be read."
        ),
        r"bright|dark|light|lit": lambda: _light(look),
        r"change|chang|mov|new|happen": lambda: _change(look),
    }
    found = [say() for words, say in topics.items() if re.search(rf"\b(?:{words})", question, re.IGNORECASE)]
    return " ".join([*(found or [describe(look, text, "long")]), WHO])


def data(look: Look, text: str | None) -> dict[str, Any]:
    """The same for programs."""
    return {
        "brightness": look.brightness,
        "colours": [{"name": name, "share": share} for name, share in look.colours],
        "change": None if look.change is None else {"share": look.change.share, "where": look.change.where},
        "faces": [{"x": f.x, "y": f.y, "width": f.width, "height": f.height} for f in look.faces],
        "qr_codes": list(look.codes),
        "text": text,
    }


def _light(look: Look) -> str:
    return f"The picture is {look.level}."


def _colours(look: Look, length: Length) -> str:
    if not look.colours:
        return "It has many colours."
    shown = look.colours[:5] if length == "long" else look.colours[:2]
    names = [f"{name} ({share:.0%})" if length == "long" else name for name, share in shown]
    return f"It is mostly {_list(names)}."


def _change(look: Look) -> str:
    match look.change:
        case None:
            return "It is the first frame seen of this track."
        case Change(share=0.0):
            return "Nothing changed since the last frame."
        case Change(share, where):
            size = "A little" if share < _SMALL else "Much" if share > _LARGE else "Some"
            place = "in the middle" if where == "middle" else f"at the {where}"
            return f"{size} of it changed since the last frame{f', mostly {place}' if where else ''}."


def _faces(look: Look, length: Length) -> str:
    count = len(look.faces)
    if count == 0:
        return ""
    text = "One face is visible" if count == 1 else f"{count} faces are visible"
    if length == "long":
        text += f": {_list([_place(face) for face in look.faces])}"
    return f"{text}."


def _place(face: Box) -> str:
    across = ("left", "middle", "right")[min(2, int((face.x + face.width / 2) * 3))]
    down = ("top", "middle", "bottom")[min(2, int((face.y + face.height / 2) * 3))]
    return across if down == "middle" else down if across == "middle" else f"{down} {across}"


def _codes(look: Look, length: Length) -> list[str]:
    return [f"A QR code says {quoted(code, QUOTED[length])}." for code in look.codes]


def _text(text: str | None, length: Length) -> str:
    return f"Text in it reads {quoted(text, QUOTED[length])}." if text else ""


def _no_text(text: str | None) -> str:
    return (
        "No printed text is readable."
        if text == ""
        else "Nothing here can read text: tesseract is missing or failed."
    )


def _list(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
