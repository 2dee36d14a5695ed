"""A client that was written for the VideoAgent of voice-agent-ai-sdk, on npm's `ws`, connects unchanged."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sightline import imaging
from sightline.bus import Bus
from support.agents import completions, users_words
from support.encoded import encoded
from support.environment import missing
from support.gateway_process import running_gateway
from support.nats_server import Server
from support.node import installed, node, node_problem
from support.scenes import RED, shows
from support.storyteller import BEGINNING, Storyteller

CLIENT = Path(__file__).parent / "node" / "client.mjs"


@pytest.fixture
def client() -> Path:
    """The client's program."""
    if problem := node_problem():
        missing("node", problem)
    return CLIENT


async def test_a_client_of_the_videoagent_connects_unchanged(
    client: Path, nats: Server, bus: Bus, stages: None, tmp_path: Path
) -> None:
    picture = tmp_path / "wall.webp"
    picture.write_bytes(encoded("WEBP", (640, 360), "#c81e1e"))
    async with (
        Storyteller("A red wall.") as model,
        running_gateway(nats.url, AGENT_LLM_BASE_URL=model.url, AGENT_LLM_MODEL="test-model") as gateway,
    ):
        program = await installed(client)
        printed = await node(program, f"ws://127.0.0.1:{gateway.port}/ws", str(picture))
        said = {each.pop("event"): each for each in printed}

        assert said["session"]["sessionId"].startswith("vs_")
        _was_taken(said["frame"], picture.stat().st_size)
        _was_answered(said["turn"], "A red wall.")
        assert said["interrupted"]["complete"]["text"] in {"".join(BEGINNING[:n]).strip() for n in range(5)}
        await model.unheard.wait()
        assert said["too large"]["error"]["code"] == "frame_too_large"
        assert said["too large"]["error"]["message"] == "Frame too large (6.0 MB). Maximum allowed: 5.0 MB"
        _was_answered(said["after it"], "A red wall.")

        first = completions(model)[0]
        assert "What is this?" in users_words(first)[-1]
        assert shows(imaging.decode(first.image), RED)
        assert first.text.count("frames captured, latest at") == 1


def _was_taken(frame: dict[str, Any], size: int) -> None:
    received, ack = frame["received"], frame["ack"]
    assert (received["sequence"], ack["sequence"]) == (frame["sent"], frame["sent"])
    assert (received["triggerReason"], received["size"]) == ("initial", size)
    assert received["dimensions"] == {"width": 640, "height": 360}
    assert 0 < received["timestamp"] <= ack["timestamp"]


def _was_answered(turn: dict[str, Any], text: str) -> None:
    assert turn["request"]["reason"] == "user_request"
    assert "".join(turn["deltas"]) == turn["complete"]["text"] == text
    assert len(turn["deltas"]) > 1
    assert len(turn["ids"]) == 1
