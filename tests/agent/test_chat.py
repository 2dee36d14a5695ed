"""``sightline chat`` as somebody types it, in a process of its own."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from asyncio.subprocess import PIPE
from dataclasses import dataclass
from typing import Any

from sightline.bus import Bus
from sightline_agent.models import HOW
from support.agents import completions, now_shows, users_words
from support.model_servers import OpenAIServer, Status


@dataclass(frozen=True)
class Said:
    code: int
    out: str
    err: str

    @property
    def turns(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.out.splitlines()]


async def chat(*arguments: str, typed: str = "", **settings: str) -> Said:
    """Run the command to its end."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "sightline.cli", "chat", *arguments),
        stdin=PIPE,
        stdout=PIPE,
        stderr=PIPE,
        env={
            **os.environ,
            "AGENT_LOOK_SECONDS": "0",
            # However long the process takes to start, the caption is still of what is in view.
            "AGENT_MAX_CAPTION_AGE": "600",
            "NO_COLOR": "1",
            **settings,
        },
    )
    out, err = await process.communicate(typed.encode())
    return Said(process.returncode or 0, out.decode(), err.decode())


async def test_one_question_prints_one_object_with_messages_and_ages(bus: Bus, model: OpenAIServer) -> None:
    await bus.publish(now_shows(bus, "a red mug"))
    said = await chat(
        *("--ask", "What do I hold?", "--json"),
        NATS_URL=bus.settings.url,
        AGENT_LLM_BASE_URL=model.url,
        AGENT_LLM_MODEL="test-model",
    )
    assert (said.code, said.err) == (0, "")
    [turn] = said.turns
    assert turn["messages"] == completions(model)[0].messages
    assert [(shown["text"], shown["kind"]) for shown in turn["shown"]] == [("a red mug", "caption")]
    assert 0 <= turn["shown"][0]["age"] <= 600
    assert turn["reply"] == "I see."


async def test_without_a_model_it_shows_what_one_would_be_sent_and_how_to_configure_one(bus: Bus) -> None:
    await bus.publish(now_shows(bus, "a red mug"))
    said = await chat("--ask", "What do I hold?", NATS_URL=bus.settings.url)
    assert said.code == 0
    assert "a model would be sent:" in said.out
    assert "system: You are a helpful assistant" in said.out
    assert "alice's camera, " in said.out
    assert '"a red mug"' in said.out
    assert HOW in said.out.replace("\n", " ")


async def test_a_conversation_goes_on_until_the_input_ends(bus: Bus, model: OpenAIServer) -> None:
    await bus.publish(now_shows(bus, "a red mug"))
    said = await chat(
        "--json",
        typed="What do I hold?\n\nAnd whose is it?",
        NATS_URL=bus.settings.url,
        OPENAI_BASE_URL=model.url,
    )
    assert said.code == 0
    assert [turn["question"] for turn in said.turns] == ["What do I hold?", "And whose is it?"]
    assert len(users_words(completions(model)[1])) == 2


async def test_with_nothing_in_view_it_says_where_to_look(bus: Bus) -> None:
    said = await chat("--room", "empty", "--wait", "0", typed="exit\n", NATS_URL=bus.settings.url)
    assert said.code == 0
    assert "Nothing is in view in 'empty' yet." in said.err


async def test_what_is_in_the_picture_cannot_move_the_cursor(bus: Bus) -> None:
    await bus.publish(now_shows(bus, "\x1b[2J\x1b]0;owned\x07 a red mug"))
    said = await chat("--ask", "\x1b[31mWhat?", NATS_URL=bus.settings.url)
    assert said.code == 0
    assert "a red mug" in said.out
    assert "\x1b" not in said.out


async def test_a_model_that_fails_is_one_line_and_exit_code_1(bus: Bus, model: OpenAIServer) -> None:
    model.fault = Status(401)
    said = await chat(
        *("--ask", "What?", "--wait", "0"),
        NATS_URL=bus.settings.url,
        OPENAI_BASE_URL=model.url,
    )
    assert said.code == 1
    assert "the turn failed: APIStatusError" in said.out
    assert "Traceback" not in said.err


async def test_without_nats_it_says_what_to_do() -> None:
    said = await chat("--ask", "What?", NATS_URL="nats://127.0.0.1:1")
    assert said.code == 1
    assert said.err.startswith("sightline: cannot reach NATS at nats://127.0.0.1:1")
    assert "set NATS_URL" in said.err


async def test_a_bad_setting_is_named(bus: Bus) -> None:
    said = await chat("--ask", "What?", "--mode", "psychic", NATS_URL=bus.settings.url)
    assert said.code == 2
    assert "AGENT_MODE: Input should be 'captions'" in said.err
