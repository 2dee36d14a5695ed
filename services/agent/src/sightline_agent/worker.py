"""An ordinary LiveKit worker: each job is one room, with one VisionAgent in it."""

from __future__ import annotations

from livekit.agents import AgentServer, AgentSession, JobContext, JobExecutorType
from livekit.agents.voice.room_io import RoomOptions

from sightline.config import LiveKitSettings, ServiceSettings, load
from sightline.errors import SettingsError
from sightline.log import configure
from sightline_agent.models import (
    can_speak,
    connect_options,
    language_model,
    require_model,
    speech_to_text,
    text_to_speech,
)
from sightline_agent.settings import AgentSettings, WorkerSettings
from sightline_agent.vision_agent import VisionAgent

EXECUTORS = {"process": JobExecutorType.PROCESS, "thread": JobExecutorType.THREAD}


def build_server(settings: WorkerSettings, livekit: LiveKitSettings) -> AgentServer:
    """The worker, not yet running.

    Raises:
        SettingsError: No key for LiveKit.
    """
    if not livekit.api_key or not livekit.api_secret.get_secret_value():
        raise SettingsError(
            "LIVEKIT_API_KEY and LIVEKIT_API_SECRET: expected the LiveKit server's key, got none; "
            "`livekit-server --dev` takes devkey and secret"
        )
    server = AgentServer(
        job_executor_type=EXECUTORS[settings.executor],
        load_fnc=_Load(settings.max_jobs),
        load_threshold=1.0,
        num_idle_processes=settings.idle_processes,
        drain_timeout=settings.drain_seconds,
        ws_url=livekit.url,
        api_key=livekit.api_key,
        api_secret=livekit.api_secret.get_secret_value(),
        host=settings.http_host,
        port=settings.http_port,
        prometheus_port=settings.metrics_port or None,
    )
    server.rtc_session(join, agent_name=settings.name)
    return server


def build_session(settings: AgentSettings) -> AgentSession[None]:
    """A conversation, spoken where there is an endpoint of speech, and typed everywhere.

    Raises:
        SettingsError: There is no language model to talk with.
    """
    require_model(settings)
    model = language_model(settings)
    if not can_speak(settings):
        return AgentSession(
            llm=model,
            vad=None,
            turn_handling={"turn_detection": None},
            conn_options=connect_options(settings),
        )
    return AgentSession(
        llm=model,
        stt=speech_to_text(settings),
        tts=text_to_speech(settings),
        # The default would ask LiveKit's cloud when a turn ends.
        turn_handling={"turn_detection": "vad"},
        conn_options=connect_options(settings),
    )


async def join(job: JobContext) -> None:
    """One job: be in the room, with eyes, until it is over."""
    configure(load(ServiceSettings), "agent")
    settings = load(AgentSettings)
    session = build_session(settings)
    agent = VisionAgent(instructions=settings.instructions, vision=settings)
    spoken = can_speak(settings)
    options = RoomOptions(audio_input=spoken, audio_output=spoken, text_input=True)
    await session.start(agent, room=job.room, room_options=options)
    if settings.greeting:
        session.say(settings.greeting)


class _Load:
    """How full a worker is, by its jobs. The default, the machine's CPU, drops jobs on a busy machine."""

    def __init__(self, max_jobs: int) -> None:
        self._max_jobs = max_jobs

    def __call__(self, server: AgentServer) -> float:
        """0 is idle; from 1 on no job is taken."""
        return len(server.active_jobs) / self._max_jobs
