"""Turns for the eyes of people and of scripts, and the lines that people type.

Names, captions and answers are anybody's text: what could move the cursor is left out.
"""

from __future__ import annotations

import asyncio
import os
import sys
import unicodedata
from collections.abc import AsyncIterator
from typing import Any, TextIO

from rich.console import Console
from rich.text import Text

from sightline.messages import Shown, TurnRecord
from sightline_agent import render
from sightline_agent.models import NO_MODEL

END = frozenset({"exit", "quit"})
CHUNK = 65_536


def show_json(turn: TurnRecord) -> None:
    """One JSON object on one line of stdout."""
    sys.stdout.write(turn.model_dump_json() + "\n")
    sys.stdout.flush()


def show(turn: TurnRecord) -> None:
    """The turn as text on stdout: what was in view, and the answer.

    Without a model: what one would have been sent.
    """
    console = Console(highlight=False, soft_wrap=True)
    for shown in turn.shown:
        console.print(Text(f"  sees {_seen(shown)}", style="dim"))
    if not turn.shown:
        why = f": {turn.blind}" if turn.blind else ""
        console.print(Text(f"  sees nothing{why}", style="dim"))
    if turn.model == NO_MODEL:
        console.print(Text("a model would be sent:", style="bold"))
        for message in turn.messages:
            console.print(
                Text(f"  {message.get('role')}: ", style="cyan").append(_content(message), "default")
            )
    if turn.error:
        console.print(Text(f"the turn failed: {harmless(turn.error)}", style="red"))
    console.print(Text(harmless(turn.reply)))


def harmless(text: str) -> str:
    """The text without control characters; line breaks stay."""
    return "".join(c if c == "\n" or unicodedata.category(c)[0] != "C" else " " for c in text)


async def lines(stream: TextIO, console: Console, prompt: str) -> AsyncIterator[str]:
    """What somebody types, a line at a time, until the end of input, ``exit`` or ``quit``.

    Not in a thread: that could not be ended while it waits for a key.
    """
    rest = b""
    while True:
        console.print(Text(prompt, style="bold"), end="")
        while b"\n" not in rest:
            more = await _read(stream.fileno())
            if not more:
                break
            rest += more
        line, found, rest = rest.partition(b"\n")
        text = line.decode(errors="replace").strip()
        if text in END or not (found or line):
            return
        if text:
            yield text


async def _read(descriptor: int) -> bytes:
    """What is there to read, once there is; empty at the end."""
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    try:
        loop.add_reader(descriptor, ready.set)
    except PermissionError:
        return os.read(descriptor, CHUNK)  # a file is always ready, and cannot be waited for
    try:
        await ready.wait()
        return os.read(descriptor, CHUNK)
    finally:
        loop.remove_reader(descriptor)


def _seen(shown: Shown) -> str:
    what = f'"{shown.text}"' if shown.kind == "caption" else "a picture"
    whose = f"{harmless(shown.participant)}'s {shown.source}"
    return f"{whose}, {render.age(shown.age)}{' (past)' if shown.past else ''}: {what}"


def _content(message: dict[str, Any]) -> str:
    content = message.get("content")
    if isinstance(content, list):
        parts = (part.get("text") or part.get("image_url", {}).get("url", "") for part in content)
        content = "\n".join(parts)
    return harmless(str(content or "")).replace("\n", "\n    ")
