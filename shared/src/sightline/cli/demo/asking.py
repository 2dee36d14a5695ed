"""One turn of the agent: the chat, as anybody would start it, and the record that it prints."""

from __future__ import annotations

import asyncio
import json
import sys
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import Mapping

from pydantic import ValidationError

from sightline.embedded import tethered
from sightline.errors import SightlineError
from sightline.turns import TurnRecord

TURN_SECONDS = 90.0


class TurnError(SightlineError):
    """The chat did not take a turn. Holds the end of what it said."""


async def take_turn(room: str, question: str, environment: Mapping[str, str]) -> TurnRecord:
    """Ask the agent of a room.

    Returns:
        The record of the turn; its ``error`` tells of a language model that failed.

    Raises:
        TurnError: There was no turn.
    """
    process = await asyncio.create_subprocess_exec(
        *tethered(sys.executable, "-m", "sightline.cli", "chat", "--room", room, "--ask", question, "--json"),
        stdin=DEVNULL,
        stdout=PIPE,
        stderr=PIPE,
        env=dict(environment),
        limit=16 * 1024 * 1024,
        start_new_session=True,
    )
    try:
        async with asyncio.timeout(TURN_SECONDS):
            printed, said = await process.communicate()
    except TimeoutError:
        raise TurnError(f"the chat did not end within {TURN_SECONDS:g} s") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    try:
        return TurnRecord.model_validate_json(printed)
    except ValidationError:
        last = " ".join(said.decode(errors="replace").split()[-80:])
        raise TurnError(f"the chat ended without a turn (exit code {process.returncode}): {last}") from None


def carried_a_caption(turn: TurnRecord) -> bool:
    """Whether what the model was sent holds at least one caption of what is in view."""
    sent = json.dumps([message.get("content") for message in turn.messages], ensure_ascii=False)
    captions = [shown.text for shown in turn.shown if shown.kind == "caption" and not shown.past]
    return any(text and json.dumps(text, ensure_ascii=False)[1:-1] in sent for text in captions)
