"""The whole demo as a process: frames become captions, and captions reach a turn."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from asyncio.subprocess import Process
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
import pytest

from sightline_ingest import demo_clip
from support.command_line import records, sightline, started
from support.model_servers import MoondreamServer, OpenAIServer

pytestmark = pytest.mark.slow

# Elsewhere a process cannot ask to end with its parent.
ON_LINUX = pytest.mark.skipif(sys.platform != "linux", reason="needs Linux")

Records = dict[str, list[dict[str, Any]]]


@pytest.fixture(scope="module", autouse=True)
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The clip, made once for all tests of this file."""
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    demo_clip.make(path)
    return path


def by_event(found: list[dict[str, Any]]) -> Records:
    sorted_out: Records = {"frame": [], "caption": [], "image": [], "turn": []}
    for record in found:
        sorted_out.setdefault(record["event"], []).append(record)
    return sorted_out


def captured(record: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(record["captured_at"])


def descendants(process: Process) -> list[psutil.Process]:
    return psutil.Process(process.pid).children(recursive=True)


async def all_gone(processes: list[psutil.Process]) -> bool:
    _, alive = await asyncio.to_thread(psutil.wait_procs, processes, 10)
    return not alive


async def test_unattended_it_prints_frames_captions_images_and_the_turn_that_carried_one(
    tmp_path: Path,
) -> None:
    # The clip of its own, made at its first use.
    arguments = ("demo", "--seconds", "5", "--ask", "What is on the sign?", "--json")
    finished = await sightline(*arguments, XDG_CACHE_HOME=str(tmp_path))
    assert (finished.code, finished.err) == (0, "")
    found = by_event(finished.records)
    assert set(found) <= {"frame", "caption", "image", "turn", "track_ended"}
    first = found["frame"][0]
    assert (first["participant"], first["room"], first["trigger"]) == ("alice", "demo", "initial")
    assert (first["width"], first["height"]) == (demo_clip.WIDTH, demo_clip.HEIGHT)
    known = {frame["frame_id"] for frame in found["frame"]}
    assert {each["frame_id"] for each in found["caption"] + found["image"]} <= known
    assert len(found["caption"]) >= 1
    assert found["caption"][0]["model"] == "offline"
    assert found["image"][0]["bytes"] > 1000

    [turn] = found["turn"]
    assert turn["question"] == "What is on the sign?"
    [caption] = [each for each in turn["captions"] if not each["past"]]
    assert caption["participant"] == "alice"
    assert 0 <= caption["age"] < 15
    assert caption["text"]
    asked = turn["messages"][-1]
    assert asked["role"] == "user"
    assert "What is on the sign?" in json.dumps(asked)
    assert json.dumps(caption["text"])[1:-1] in json.dumps(asked)


async def test_a_killed_nats_server_costs_the_demo_nothing_but_time(clip: Path) -> None:
    killed_after = 0
    captions: list[int] = []
    arguments = ("demo", "--source", str(clip), "--seconds", "14", "--json")
    turns = []
    async with started(*arguments) as process:
        async for record in records(process):
            if record["event"] == "caption":
                captions.append(record["sequence"])
                if not killed_after:
                    killed_after = record["sequence"]
                    [nats] = [each for each in descendants(process) if each.name() == "nats-server"]
                    nats.kill()
            turns += [record] if record["event"] == "turn" else []
        code = await process.wait()
    assert code == 0
    later = [sequence for sequence in captions if sequence > killed_after]
    assert later, captions
    assert len(set(captions)) == len(captions)
    assert any(turn["captions"] for turn in turns)


async def test_a_killed_part_is_started_again_and_goes_on(clip: Path) -> None:
    def captioners(process: Process) -> list[psutil.Process]:
        return [each for each in descendants(process) if each.cmdline()[-2:] == ["run", "captioner"]]

    restarted_at: datetime | None = None
    async with started("demo", "--source", str(clip), "--seconds", "60", "--json") as process:
        assert process.stderr is not None
        async for record in records(process):
            if record["event"] == "caption" and restarted_at is None:
                [captioner] = captioners(process)
                captioner.kill()
                note = await process.stderr.readline()
                restarted_at = datetime.now(UTC)
            elif record["event"] == "caption" and captured(record) > restarted_at:
                break
        [another] = captioners(process)
        process.terminate()
        await process.communicate()
    assert note == b"sightline: captioner ended (exit code -9), starting it again\n"
    assert another.pid != captioner.pid


async def test_it_uses_the_models_that_the_environment_names(clip: Path) -> None:
    async with (
        MoondreamServer(answer="a heron beside a pond", api_key="moon") as moondream,
        OpenAIServer(answer="A heron.", api_key="open") as openai,
    ):
        finished = await sightline(
            *("demo", "--source", str(clip), "--seconds", "4", "--room", "zoo", "--json"),
            MOONDREAM_ENDPOINT=moondream.url,
            MOONDREAM_API_KEY="moon",
            OPENAI_BASE_URL=openai.url,
            OPENAI_API_KEY="open",
        )
        assert (finished.code, finished.err) == (0, "")
        [asked] = [request for request in openai.requests if request.path == "/v1/chat/completions"]
        assert "a heron beside a pond" in asked.text
    found = by_event(finished.records)
    assert {caption["model"] for caption in found["caption"]} == {"moondream"}
    [turn] = found["turn"]
    assert (turn["reply"], turn["room"]) == ("A heron.", "zoo")


async def test_a_turn_without_a_caption_is_a_failure(clip: Path) -> None:
    finished = await sightline("demo", "--source", str(clip), "--seconds", "2", "--json", AGENT_MODE="off")
    assert finished.code == 1
    turns = by_event(finished.records)["turn"]
    assert turns
    assert [turn["captions"] for turn in turns] == [[] for _ in turns]


async def test_a_source_that_cannot_be_opened_is_told_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "not.mp4").write_bytes(b"this is no video")
    finished = await sightline("demo", "--source", str(tmp_path / "not.mp4"), "--json")
    assert finished.code == 1
    last = finished.err.splitlines()[-1]
    assert last.startswith("sightline: room-ingest does not start (exit code 1): cannot open ")
    assert "not.mp4" in last


async def test_a_setting_that_keeps_a_part_from_starting_ends_the_demo_with_its_name(clip: Path) -> None:
    finished = await sightline("demo", "--source", str(clip), "--json", CAPTIONER_BACKEND="moondream")
    assert finished.code == 1
    [line] = finished.err.splitlines()
    assert line.startswith("sightline: captioner does not start (exit code 2): captioner: MOONDREAM_API_KEY")


@pytest.mark.parametrize(
    "sign", [signal.SIGTERM, signal.SIGINT, pytest.param(signal.SIGKILL, marks=ON_LINUX)]
)
async def test_whatever_ends_the_demo_ends_its_processes(clip: Path, sign: signal.Signals) -> None:
    async with started("demo", "--source", str(clip), "--json") as process:
        seen: list[str] = []
        async for record in records(process):
            seen.append(record["event"])
            if "image" in seen:
                break
        parts = descendants(process)
        assert len(parts) >= 4
        process.send_signal(sign)
        _, err = await process.communicate()
    assert await all_gone(parts)
    if sign is not signal.SIGKILL:
        assert (process.returncode, err) == (1, b"")
