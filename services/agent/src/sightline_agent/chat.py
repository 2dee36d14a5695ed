"""``sightline chat``: the agent in a terminal, without audio."""

from __future__ import annotations

import asyncio
import logging
import sys
from typing import Annotated

import typer
from rich.console import Console

from sightline.bus import Bus
from sightline.config import BusSettings, ServiceSettings, load
from sightline.errors import BusError
from sightline.log import configure
from sightline.messages import TurnRecord
from sightline_agent.settings import AgentSettings
from sightline_agent.terminal import lines, show, show_json
from sightline_agent.turn import FIRST_SIGHT, TextSession, ask_once

PATIENCE = 5.0
"""Seconds that somebody at a terminal waits for a connection."""


def chat(
    room: Annotated[str, typer.Option(help="Name of the room whose cameras and screens it sees.")] = "demo",
    ask: Annotated[
        str | None, typer.Option(help="Ask this one question, print the turn, and end.", show_default=False)
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print each turn as one JSON object, as it is on the bus.")
    ] = False,
    mode: Annotated[
        str | None,
        typer.Option(help="What it is shown: captions, images, both or off.", show_default=False),
    ] = None,
    wait: Annotated[
        float, typer.Option(min=0, help="Seconds to wait for something to be in view.")
    ] = FIRST_SIGHT,
) -> None:
    """Talk with an agent that sees a room. Without a language model it shows what one would be sent."""
    configure(load(ServiceSettings, log_level="error", log_format="console"), "chat")
    # A model that fails is told as a turn's error, in one line.
    logging.getLogger("livekit").setLevel(logging.CRITICAL)
    settings = load(AgentSettings, **({"mode": mode} if mode else {}))
    try:
        turn = asyncio.run(_chat(room, ask, as_json, settings, wait))
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
    if turn is not None and turn.error:
        raise typer.Exit(1)


async def _chat(
    room: str, question: str | None, as_json: bool, settings: AgentSettings, wait: float
) -> TurnRecord | None:
    """One turn, or turns until the input ends. Returns the one."""
    bus = Bus(load(BusSettings), name="chat")
    try:
        await bus.start()
        await _connected(bus)
        if question is None:
            await _converse(bus, room, as_json, settings, wait)
            return None
        turn = await ask_once(bus, room, question, settings, wait)
        (show_json if as_json else show)(turn)
        return turn
    finally:
        await bus.close()


async def _converse(bus: Bus, room: str, as_json: bool, settings: AgentSettings, wait: float) -> None:
    console = Console(stderr=True)
    async with TextSession(bus, room, settings) as session:
        with console.status(f"looking into {room!r} …"):
            sees = await session.see(wait)
        if not sees:
            console.print(
                f"Nothing is in view in {room!r} yet. Is somebody there with a camera or screen, and are "
                "room-ingest and a captioner running? `sightline ps` tells.",
                highlight=False,
                markup=False,
            )
        async for line in lines(sys.stdin, console, "you> "):
            await session.look()
            turn = await session.ask(line)
            (show_json if as_json else show)(turn)


async def _connected(bus: Bus) -> None:
    try:
        async with asyncio.timeout(PATIENCE):
            await bus.wait_ready()
    except TimeoutError:
        raise BusError(
            f"{bus.problem}: start NATS, or set NATS_URL to where it is (`sightline doctor` looks closer)"
        ) from None
