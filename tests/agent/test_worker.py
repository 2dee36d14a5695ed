"""The agent on a real LiveKit server: as a worker's process, and as a developer's own agent."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psutil
import pytest
from aiohttp import ClientSession
from livekit import api, rtc
from livekit.agents import AgentSession

from sightline import subjects, topology
from sightline.bus import Bus
from sightline.config import LiveKitSettings
from sightline.embedded import free_port
from sightline.errors import SettingsError
from sightline.messages import CaptureReply, CaptureRequest, RoomWanted, Speaking, TurnRecord
from sightline_agent.models import language_model
from sightline_agent.settings import WorkerSettings
from sightline_agent.turn import text_session
from sightline_agent.vision_agent import VisionAgent
from sightline_agent.worker import build_server
from support.agents import Reader, agent_listens, completions, in_room, talking_to, users_words
from support.caller import Caller
from support.http_server import ModelServer
from support.livekit_publisher import Publisher
from support.livekit_server import LiveKitServer
from support.model_servers import OpenAIServer
from support.sights import ALICE, caption, frame
from support.speech import espeak
from support.voice_server import SPEECH, TRANSCRIPTIONS, VoiceServer

pytestmark = pytest.mark.livekit

CHAT = "lk.chat"
COMPLETIONS = "/v1/chat/completions"


@asynccontextmanager
async def worker(livekit: LiveKitServer, bus: Bus, **settings: str) -> AsyncIterator[Process]:
    """`agent start`, registered; ended by SIGTERM."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "sightline_agent", "start", "--http-port", "0"),
        stderr=PIPE,
        env={
            **os.environ,
            "LIVEKIT_URL": livekit.url,
            "LIVEKIT_API_KEY": livekit.api_key,
            "LIVEKIT_API_SECRET": livekit.api_secret,
            "NATS_URL": bus.settings.url,
            "SIGHTLINE_LOG_FORMAT": "json",
            "AGENT_DRAIN_SECONDS": "1",
            **settings,
        },
    )
    assert process.stderr is not None
    lines: list[str] = []
    try:
        async for line in process.stderr:
            lines.append(line.decode())
            if "registered worker" in lines[-1]:
                break
        else:
            pytest.fail("the worker ended: " + "".join(lines[-20:]))
        reading = asyncio.create_task(_read(process.stderr, lines))
        yield process
        process.send_signal(signal.SIGTERM)
        await asyncio.wait_for(process.wait(), 30)
        await reading
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        print("".join(lines))


async def _read(stream: asyncio.StreamReader, lines: list[str]) -> None:
    async for line in stream:
        lines += [line.decode()]


@pytest.mark.parametrize("executor", ["process", "thread"])
async def test_typed_turns_in_a_room_are_answered_by_an_agent_that_sees(
    executor: str, livekit: LiveKitServer, bus: Bus, model: OpenAIServer
) -> None:
    model.answer = "You hold a red mug."
    room, turns = f"typed-{executor}", asyncio.Queue[TurnRecord]()
    stop = await bus.serve(subjects.turns(room), TurnRecord, turns.put)
    track = ALICE.model_copy(update={"room": room})
    settings = {
        "AGENT_LLM_BASE_URL": model.url,
        "AGENT_LLM_MODEL": "test-model",
        "AGENT_EXECUTOR": executor,
        "AGENT_MAX_CAPTION_AGE": "600",
        "AGENT_METRICS_PORT": str(port := free_port()),
    }
    await bus.publish(caption(frame(1, bus.now(), track), "a red mug"))
    running = worker(livekit, bus, **settings)
    async with asyncio.timeout(90), running as process, Publisher(livekit, room=room) as alice:
        reader = Reader(alice.room)
        await _agent_is_there(alice.room)
        assert await _wanted(bus) == room
        records: list[TurnRecord] = []
        while not records or not records[-1].shown:  # its eyes open while it already listens
            await alice.room.local_participant.send_text("What do I hold?", topic=CHAT)
            assert await reader.said.get() == "You hold a red mug."
            records.append(await turns.get())
        metrics = await _scraped(port)
    await stop()
    assert process.returncode == 0
    answered = 'sightline_turns_total{begun_by="user",mode="captions",outcome="answered"}'
    assert f"{answered} {len(records)}.0" in metrics
    assert 'sightline_view_age_seconds_count{kind="caption"} 1.0' in metrics
    assert f'sightline_turn_added_seconds_count{{mode="captions"}} {len(records)}.0' in metrics
    assert users_words(completions(model)[-1])[-1].endswith("What do I hold?")
    assert '"a red mug"' in users_words(completions(model)[-1])[-1]
    assert len(completions(model)) == len(records)


async def test_a_spoken_job_that_is_over_leaves_no_connection_to_a_model_open(
    livekit: LiveKitServer, bus: Bus, capsys: pytest.CaptureFixture[str]
) -> None:
    espeak()
    room, question, answer = "over", "What do I hold?", "I see a red mug."
    async with asyncio.timeout(100), VoiceServer(hears=[question], answer=answer) as voice:
        settings = {
            "AGENT_LLM_BASE_URL": voice.url,
            "AGENT_SPEECH_BASE_URL": voice.url,
            "AGENT_EXECUTOR": "thread",  # the process lives on
            "PYTHONWARNINGS": "default",
        }
        async with worker(livekit, bus, **settings) as process:
            async with Caller(livekit, room=room) as alice:
                await agent_listens(alice.room)
                await alice.say(question)
                await alice.hears(answer, question)
            assert all(map(voice.asked, (COMPLETIONS, TRANSCRIPTIONS, SPEECH)))
            assert _connections(process, voice)
            async with api.LiveKitAPI(livekit.url, livekit.api_key, livekit.api_secret) as server:
                await server.room.delete_room(api.DeleteRoomRequest(room=room))
            while _connections(process, voice):  # noqa: ASYNC110 - another process has no event of ours
                await asyncio.sleep(0.05)
    said = capsys.readouterr().out
    assert "registered worker" in said
    assert "unclosed" not in said
    assert "model_not_closed" not in said


def _connections(process: Process, server: ModelServer) -> list[object]:
    """Of a process, to a server."""
    port = int(server.url.rpartition(":")[2].partition("/")[0])
    open_now = psutil.Process(process.pid).net_connections("tcp")
    return [
        each for each in open_now if each.raddr and each.raddr.port == port and each.status != "CLOSE_WAIT"
    ]


async def test_as_the_user_begins_to_speak_a_fresh_frame_is_asked_for(
    livekit: LiveKitServer, bus: Bus, model: OpenAIServer
) -> None:
    room = "spoken"
    asked: asyncio.Queue[CaptureRequest] = asyncio.Queue()
    heard: asyncio.Queue[Speaking] = asyncio.Queue()

    async def capture(request: CaptureRequest) -> CaptureReply:
        asked.put_nowait(request)
        return CaptureReply()

    stop_capture = await bus.serve(subjects.capture(room, "alice"), CaptureRequest, capture)
    stop_speaking = await bus.serve(subjects.speaking(room, "alice"), Speaking, heard.put)
    async with asyncio.timeout(60), Publisher(livekit, room=room), in_room(livekit, room) as joined:
        settings = talking_to(model)
        async with Talking(VisionAgent(instructions="", vision=settings, bus=bus), joined, model) as session:
            await session.room_io._participant_available_fut
            async with session._claim_user_turn():
                assert (await asked.get()).participant == "alice"
                assert (await heard.get()).speaking
            while (await heard.get()).speaking:
                pass
    await stop_capture()
    await stop_speaking()


class Talking:
    """The three lines of an agent developer: a session, an agent, a room."""

    def __init__(self, agent: VisionAgent, room: rtc.Room, model: OpenAIServer) -> None:
        self._agent, self._room = agent, room
        self._settings = talking_to(model)

    async def __aenter__(self) -> AgentSession[None]:
        self._model = await asyncio.to_thread(language_model, self._settings)
        self._session = text_session(self._model, self._settings)
        await self._session.start(self._agent, room=self._room)
        return self._session

    async def __aexit__(self, *_: object) -> None:
        await self._session.aclose()
        await self._model.aclose()


async def test_a_worker_without_a_language_model_says_so_and_does_not_start() -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "sightline_agent", "start"), stderr=PIPE, env=dict(os.environ)
    )
    _, said = await process.communicate()
    assert process.returncode == 2
    assert said.decode().startswith("agent: AGENT_LLM_BASE_URL, OPENAI_BASE_URL, OPENAI_API_KEY: expected")


def test_a_worker_without_a_key_for_livekit_says_so() -> None:
    with pytest.raises(SettingsError, match="LIVEKIT_API_KEY and LIVEKIT_API_SECRET: expected"):
        build_server(WorkerSettings(), LiveKitSettings())


async def _scraped(port: int) -> str:
    async with ClientSession() as http, http.get(f"http://127.0.0.1:{port}/metrics") as response:
        return await response.text()


async def _agent_is_there(room: rtc.Room) -> None:
    there = asyncio.Event()
    room.on("participant_connected", lambda _: there.set())
    if not room.remote_participants:
        await there.wait()


async def _wanted(bus: Bus) -> str:
    queue = bus.queue(topology.ROOM_QUEUE)
    while (taken := await queue.take()) is None:
        pass
    await taken.done()
    return taken.parse(RoomWanted).room
