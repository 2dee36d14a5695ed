"""The worker's process, from settings that were read to the end of its last call."""

from __future__ import annotations

import asyncio
import gc
import os
import signal

from livekit.agents import AgentServer

from sightline.config import LiveKitSettings, load
from sightline.log import get_logger
from sightline_agent import sdk_log
from sightline_agent.avatar import AvatarSettings
from sightline_agent.avatar.plugins import require_avatar
from sightline_agent.job_metrics import JobMetrics
from sightline_agent.models import can_speak, require_model
from sightline_agent.realtime.settings import RealtimeSettings
from sightline_agent.settings import AgentSettings, WorkerSettings
from sightline_agent.worker import build_server

log = get_logger()


def serve(worker: WorkerSettings, livekit: LiveKitSettings, dev: bool) -> None:
    """Take jobs until a signal, then let the calls in progress end; with ``dev`` end them.

    Raises:
        SettingsError: There is no model, or no such avatar.
    """
    settings = load(AgentSettings)
    require_model(settings)
    # LiveKit's plugins register on the main thread, which a job's need not be.
    require_avatar(load(AvatarSettings), speaks=can_speak(settings) or bool(load(RealtimeSettings).model))
    if worker.executor == "thread":
        # LiveKit's library makes it with the first room. Two first rooms at the same moment would make it
        # twice, and one of the two jobs would wait for its room for ever.
        sdk_log.quiet()
        # All calls share one loop, which a full collection of all imports stops for a sixth of a second.
        # LiveKit does the same in the process that its job processes are forked from.
        gc.collect()
        gc.freeze()
    metrics = JobMetrics(worker)
    try:
        asyncio.run(_run(build_server(worker, livekit, metrics.directory), metrics, dev))
    finally:
        metrics.close()


async def _run(server: AgentServer, metrics: JobMetrics, dev: bool) -> None:
    """Until the first signal; the second ends the process at once."""
    stopping = asyncio.Event()

    def stop() -> None:
        if stopping.is_set():
            os._exit(1)
        stopping.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop)
    _be_ready_once_registered(server)
    running = asyncio.create_task(server.run(devmode=dev))
    compacting = asyncio.create_task(metrics.run())
    waiting = asyncio.create_task(stopping.wait())
    await asyncio.wait({running, waiting}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    compacting.cancel()
    if not dev and not running.done():
        try:
            await server.drain()
        except TimeoutError:
            log.warning("drain_timed_out")
    await server.aclose()
    await running


def _be_ready_once_registered(server: AgentServer) -> None:
    """Its health check says so: LiveKit offers a room to the workers that it knows as the room begins.

    LiveKit's own is well as soon as it listens, seconds before that. A rolling upgrade that goes by it ends
    the old worker while the new one takes no rooms yet.
    """
    server._connection_failed = True

    def registered(*_: object) -> None:
        server._connection_failed = False

    server.on("worker_registered", registered)
