"""One turn of the agent: the chat, as anybody would start it, and the record of what it did."""

from __future__ import annotations

import asyncio
import json
import sys
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import Mapping

from sightline import subjects
from sightline.bus import Bus
from sightline.embedded import tethered
from sightline.errors import SightlineError
from sightline.turns import TurnRecord

TURN_SECONDS = 90.0
RECORD_SECONDS = 3.0
"""How long the record may come after the chat has ended."""


class TurnError(SightlineError):
    """The chat failed, or told nobody what it did."""


async def take_turn(bus: Bus, room: str, question: str, environment: Mapping[str, str]) -> TurnRecord:
    """Ask the agent of a room.

    Raises:
        TurnError: It did not work; says what the chat said.
    """
    taken: asyncio.Future[TurnRecord] = asyncio.get_running_loop().create_future()

    async def keep(record: TurnRecord) -> None:
        if record.question == question and not taken.done():
            taken.set_result(record)

    stop = await bus.serve(subjects.turns(room), TurnRecord, keep)
    try:
        async with asyncio.timeout(TURN_SECONDS):
            await _chat(room, question, environment)
        async with asyncio.timeout(RECORD_SECONDS):
            return await taken
    except TimeoutError:
        raise TurnError("the chat ended without a record of its turn, or did not end") from None
    finally:
        await stop()


def carried_a_caption(turn: TurnRecord) -> bool:
    """Whether what the model was sent holds at least one caption of what is in view."""
    sent = json.dumps([message.get("content") for message in turn.messages], ensure_ascii=False)
    captions = [shown.text for shown in turn.shown if shown.kind == "caption" and not shown.past]
    return any(text and json.dumps(text, ensure_ascii=False)[1:-1] in sent for text in captions)


async def _chat(room: str, question: str, environment: Mapping[str, str]) -> None:
    arguments = ("-m", "sightline.cli", "chat", "--room", room, "--ask", question, "--json")
    process = await asyncio.create_subprocess_exec(
        *tethered(sys.executable, *arguments),
        stdin=DEVNULL,
        stdout=DEVNULL,
        stderr=PIPE,
        env=dict(environment),
        start_new_session=True,
    )
    try:
        _, said = await process.communicate()
    except asyncio.CancelledError:
        process.kill()
        await process.wait()
        raise
    if process.returncode:
        last = said.decode(errors="replace").strip().splitlines()[-3:]
        raise TurnError(f"the chat ended with exit code {process.returncode}: {' '.join(last)[-600:]}")
