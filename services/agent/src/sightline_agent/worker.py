"""An ordinary LiveKit worker: each job is one room, with one VisionAgent in it."""

from __future__ import annotations

import asyncio
import math

from livekit.agents import AgentServer, AgentSession, JobContext, JobExecutorType, JobRequest
from livekit.agents.llm import RealtimeModel
from livekit.agents.voice.room_io import RoomOptions

from sightline import tracing
from sightline.config import LiveKitSettings, ServiceSettings, load
from sightline.errors import SettingsError, SightlineError
from sightline.health import watch_loop
from sightline.log import configure, get_logger
from sightline_agent import sdk_log
from sightline_agent.avatar import AvatarSettings, start_avatar
from sightline_agent.images import ImageInbox, ImageSettings
from sightline_agent.lasting import LastingSession
from sightline_agent.models import (
    can_speak,
    close_models,
    connect_options,
    language_model,
    require_model,
    speech_to_text,
    text_to_speech,
)
from sightline_agent.realtime.models import as_realtime, realtime_model, realtime_session
from sightline_agent.realtime.settings import RealtimeSettings
from sightline_agent.settings import AgentSettings, WorkerSettings
from sightline_agent.tools import configured_tools
from sightline_agent.turn import text_session
from sightline_agent.vision_agent import VisionAgent
from sightline_agent.watch_tools import configured_watch_tools

log = get_logger()

EXECUTORS = {"process": JobExecutorType.PROCESS, "thread": JobExecutorType.THREAD}


def build_server(
    settings: WorkerSettings, livekit: LiveKitSettings, metrics_directory: str = ""
) -> AgentServer:
    """The worker, not yet running.

    Args:
        metrics_directory: Where the processes of jobs write their metrics, where jobs are processes.

    Raises:
        SettingsError: No key for LiveKit.
    """
    if not livekit.api_key or not livekit.api_secret.get_secret_value():
        raise SettingsError(
            "LIVEKIT_API_KEY and LIVEKIT_API_SECRET: expected the LiveKit server's key, got none; "
            "`livekit-server --dev` takes devkey and secret"
        )
    places = Places(settings.max_jobs)
    places.server = server = AgentServer(
        job_executor_type=EXECUTORS[settings.executor],
        load_fnc=places.load,
        load_threshold=math.inf,
        num_idle_processes=settings.idle_processes,
        drain_timeout=settings.drain_seconds,
        ws_url=livekit.url,
        api_key=livekit.api_key,
        api_secret=livekit.api_secret.get_secret_value(),
        host=settings.http_host,
        port=settings.http_port,
        prometheus_port=settings.metrics_port or None,
        prometheus_multiproc_dir=metrics_directory or None,
        # Imported once, in the process that those of jobs are forked from.
        preload_modules=[__name__],
    )
    server.rtc_session(join, agent_name=settings.name, on_request=places.answer)
    return server


async def build_session(settings: AgentSettings) -> AgentSession[None]:
    """A conversation, spoken where there is an endpoint of speech or a realtime model, and typed everywhere.

    Raises:
        SettingsError: There is no language model to talk with.
    """
    require_model(settings)
    realtime = load(RealtimeSettings)
    if realtime.model:
        return realtime_session(await asyncio.to_thread(realtime_model, realtime), settings, realtime)
    # The clients read certificates, and modules, from the disk.
    model = await asyncio.to_thread(language_model, settings)
    if not can_speak(settings):
        return text_session(model, settings)
    return LastingSession(
        llm=model,
        stt=await asyncio.to_thread(speech_to_text, settings),
        tts=await asyncio.to_thread(text_to_speech, settings),
        turn_handling={
            # The default would ask LiveKit's cloud when a turn ends.
            "turn_detection": "vad",
            # An avatar cannot be stopped in mid-word and go on later.
            "interruption": {"resume_false_interruption": not load(AvatarSettings).avatar},
        },
        conn_options=connect_options(settings),
    )


async def join(job: JobContext) -> None:
    """One job: be in the room, with eyes, until it is over."""
    service = load(ServiceSettings)
    configure(service, "agent")
    tracing.configure(service, "agent")
    sdk_log.quiet()
    settings, realtime = load(AgentSettings), load(RealtimeSettings)
    session = await build_session(settings)
    lag = asyncio.create_task(watch_loop())

    async def close() -> None:
        lag.cancel()
        await close_models(session)

    job.add_shutdown_callback(close)  # called once the session is closed
    if realtime.model:
        settings = as_realtime(settings)
    tools = [*configured_tools(), *configured_watch_tools()]
    agent = VisionAgent(instructions=settings.instructions, vision=settings, tools=tools)
    spoken = bool(realtime.model) or can_speak(settings)
    in_a_room = not job.is_fake_job()  # or in somebody's terminal, without avatars and files
    options = RoomOptions(
        audio_input=spoken,
        audio_output=spoken and not (in_a_room and await has_avatar(session, job)),
        text_input=True,
        video_input=bool(realtime.model) and realtime.shows_images,
    )
    await session.start(agent, room=job.room, room_options=options)
    images = load(ImageSettings)
    if realtime.model:
        images = images.for_a_model_that(sees=realtime.shows_images)
    if in_a_room:
        ImageInbox(session, job.room, images).open()
    if settings.greeting:
        greet(session, settings.greeting)


def greet(session: AgentSession[None], greeting: str) -> None:
    """Say the first words. A realtime model without a voice of LiveKit's is asked to."""
    if isinstance(session.llm, RealtimeModel):
        session.generate_reply(instructions=f"Say this, word for word, and nothing else: {greeting}")
    else:
        session.say(greeting)


async def has_avatar(session: AgentSession[None], job: JobContext) -> bool:
    """Whether an avatar speaks for the session from now on. One that does not start leaves the voice."""
    try:
        return await start_avatar(session, job.room) is not None
    except SightlineError as error:
        log.error("avatar_not_started", reason=str(error))
        return False


class Places:
    """How many rooms a worker takes, counted in jobs.

    LiveKit's own measure, the CPU, drops jobs on a busy machine; and below its threshold a worker
    without jobs takes no more at once than it keeps processes idle. A job that is refused here goes
    to another worker.
    """

    def __init__(self, places: int) -> None:
        self._places = places
        self._entering = 0
        self.server: AgentServer | None = None

    def load(self) -> float:
        """0 is idle, 1 is full: how LiveKit chooses among workers."""
        return self._taken / self._places

    async def answer(self, request: JobRequest) -> None:
        """Take a job if there is a place for it."""
        if self._taken + self._entering >= self._places:
            log.info("job_refused", jobs=self._taken, max_jobs=self._places)
            await request.reject(terminate=False)
            return
        self._entering += 1
        try:
            await request.accept()
        finally:
            self._entering -= 1

    @property
    def _taken(self) -> int:
        return len(self.server.active_jobs) if self.server is not None else 0
