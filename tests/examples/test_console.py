"""`console`: an agent in a terminal, without LiveKit, that sees a room all the same."""

from __future__ import annotations

import asyncio
import importlib
import os
import signal
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from sightline.bus import Bus
from support.agents import completions, users_words
from support.environment import missing
from support.model_servers import OpenAIServer
from support.sights import ALICE, caption, frame
from support.system import EXAMPLES
from support.terminal import Terminal

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

OURS = ("-m", "sightline_agent", "console", "--text")
EXAMPLE = (str(EXAMPLES / "moondream_voice_agent.py"), "console", "--text")
SCREEN_SHARE = (str(EXAMPLES / "screen_share_helper.py"), "console", "--text")


@asynccontextmanager
async def console(terminal: Terminal, *python: str, **settings: str) -> AsyncIterator[Process]:
    """The program in the terminal, waiting for somebody to type; ended by Ctrl-C."""
    try:
        importlib.import_module("sounddevice")
    except OSError as error:
        missing("portaudio", f"{error} (Debian: libportaudio2)")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, *python),
        **dict.fromkeys(("stdin", "stdout", "stderr"), terminal.theirs),
        start_new_session=True,
        env=os.environ | settings,
    )
    try:
        await terminal.until("Type to talk to your agent")
        yield process
        process.send_signal(signal.SIGINT)
        await asyncio.wait_for(process.wait(), 30)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


@pytest.mark.parametrize("python", [OURS, EXAMPLE, SCREEN_SHARE], ids=["agent", "example", "attached"])
async def test_a_typed_question_is_answered_by_an_agent_that_sees_the_room_that_is_set(
    python: tuple[str, ...], bus: Bus
) -> None:
    track = ALICE.model_copy(update={"room": "the lab"})
    await bus.publish(caption(frame(1, bus.now(), track), "a red mug"))
    async with OpenAIServer(answer="You hold it up.") as model:
        settings = {
            "NATS_URL": bus.settings.url,
            "OPENAI_BASE_URL": model.url,
            "OPENAI_API_KEY": "any",
            "AGENT_ROOM": "the lab",
            "AGENT_MAX_CAPTION_AGE": "600",
        }
        async with asyncio.timeout(120):
            with Terminal() as terminal:
                async with console(terminal, *python, **settings) as process:
                    said = ""
                    while "a red mug" not in said:  # its eyes open while it already listens
                        drawn = len(terminal.drawn)
                        await terminal.press("Now?\n")
                        await terminal.until("You hold it up.", drawn)
                        said = users_words(completions(model)[-1])[-1]
    assert said.endswith("Now?")
    assert "alice's camera" in said
    assert process.returncode == 0
