"""``agent start`` and ``agent dev``: the worker's process. ``agent console``: the agent in a terminal."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from sightline.config import BusSettings, LiveKitSettings, ServiceSettings, load
from sightline.errors import SettingsError
from sightline.log import configure
from sightline_agent.avatar import AvatarSettings
from sightline_agent.images import ImageSettings
from sightline_agent.realtime.settings import RealtimeSettings, WatchSettings
from sightline_agent.settings import AgentSettings, WorkerSettings
from sightline_agent.tools.settings import ToolSettings

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
    settings, worker = load(AgentSettings), load(WorkerSettings, http_port=0)
    from sightline_agent.console import NO_SERVER, converse
    from sightline_agent.models import require_model
    from sightline_agent.worker import build_server

    require_model(settings)
    converse(build_server(worker, NO_SERVER), text)


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
    worker, livekit = load(WorkerSettings, **given), load(LiveKitSettings)
    for others in (
        AgentSettings,
        AvatarSettings,
        BusSettings,
        ImageSettings,
        RealtimeSettings,
        ToolSettings,
        WatchSettings,
    ):
        load(others)
    # LiveKit's library takes seconds to load: not for --help, and not for a bad setting.
    from sightline_agent.serve import serve

    serve(worker, livekit, dev)


if __name__ == "__main__":
    main()
