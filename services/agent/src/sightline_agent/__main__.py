"""``agent start`` and ``agent dev``: the worker's process. ``agent console``: the agent in a terminal."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import sys
from typing import Annotated

import typer
from livekit.agents import AgentServer

from sightline.config import BusSettings, LiveKitSettings, ServiceSettings, load
from sightline.errors import SettingsError
from sightline.log import configure, get_logger
from sightline_agent import sdk_log
from sightline_agent.avatar import AvatarSettings
from sightline_agent.avatar.plugins import require_avatar
from sightline_agent.console import NO_SERVER, converse
from sightline_agent.images import ImageSettings
from sightline_agent.job_metrics import JobMetrics
from sightline_agent.models import can_speak, require_model
from sightline_agent.realtime.settings import RealtimeSettings, WatchSettings
from sightline_agent.settings import AgentSettings, WorkerSettings
from sightline_agent.tools.settings import ToolSettings
from sightline_agent.worker import build_server

log = get_logger()
app = typer.Typer(
    name="agent",
    help="The conversation agent, as a LiveKit worker.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
HttpPort = Annotated[
    int | None, typer.Option(help="Of the health check; AGENT_HTTP_PORT.", show_default=False)
]


@app.command()
def start(http_port: HttpPort = None) -> None:
    """Take jobs until SIGTERM, then let the calls in progress end."""
    _run(http_port, dev=False)


@app.command()
def dev(http_port: HttpPort = None) -> None:
    """The same on your own machine: any free port for the health check, and it ends at once."""
    _run(0 if http_port is None else http_port, dev=True)


@app.command()
def console(
    text: Annotated[bool, typer.Option("--text", help="Type, instead of speaking.")] = False,
) -> None:
    """Talk to the agent here, without LiveKit; it sees the room that AGENT_ROOM names."""
    configure(load(ServiceSettings, log_level="error"), "agent")
    require_model(load(AgentSettings))
    converse(build_server(load(WorkerSettings, http_port=0), NO_SERVER), text)


def main() -> None:
    """Run the command line; a bad setting is one line, and exit code 2."""
    try:
        app(prog_name="agent")
    except SettingsError as error:
        sys.stderr.write(f"agent: {error}\n")
        sys.exit(2)


def _run(http_port: int | None, dev: bool) -> None:
    configure(load(ServiceSettings), "agent")
    # What a job would fail for is said now, not in the first call.
    given = {} if http_port is None else {"http_port": http_port}
    settings, worker, livekit = load(AgentSettings), load(WorkerSettings, **given), load(LiveKitSettings)
    for others in (BusSettings, ImageSettings, ToolSettings, WatchSettings):
        load(others)
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
        asyncio.run(_serve(build_server(worker, livekit, metrics.directory), metrics, dev))
    finally:
        metrics.close()


async def _serve(server: AgentServer, metrics: JobMetrics, dev: bool) -> None:
    """Until the first signal; the second ends the process at once."""
    stopping = asyncio.Event()

    def stop() -> None:
        if stopping.is_set():
            os._exit(1)
        stopping.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop)
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


if __name__ == "__main__":
    main()
