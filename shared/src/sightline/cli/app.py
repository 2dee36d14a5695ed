"""The commands of ``sightline``: their arguments and options. Their work is one module further.

Modules that do the work are imported when a command runs, so that ``--help`` is there at once.
"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from sightline.cli import command, dead_app, extensions
from sightline.cli.nats_config.command import nats_config

Json = Annotated[bool, typer.Option("--json", help="One JSON object a line, for scripts.")]
Room = Annotated[str, typer.Argument(help="Name of the room.", show_default=False)]
Participant = Annotated[str, typer.Argument(help="Identity of the participant.", show_default=False)]

app = typer.Typer(
    name="sightline",
    help="Eyes for LiveKit conversation agents.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

SEE, LOOK_AFTER = "See", "Look after"


class Source(StrEnum):
    """Which of a participant's tracks."""

    CAMERA = "camera"
    SCREEN = "screen"


@app.callback()
def options(
    debug: Annotated[bool, typer.Option("--debug", help="Logs and tracebacks of what goes wrong.")] = False,
) -> None:
    command.debug = debug


@app.command(rich_help_panel=SEE)
def demo(
    source: Annotated[
        str | None,
        typer.Option(
            help="File, camera device or stream URL; a clip of its own otherwise.", show_default=False
        ),
    ] = None,
    seconds: Annotated[
        float | None,
        typer.Option(min=1, help="How long. 20 unattended; until ^C in a terminal.", show_default=False),
    ] = None,
    question: Annotated[str, typer.Option("--ask", help="What the agent is asked.")] = "What do you see?",
    as_json: Json = False,
    room: Annotated[str, typer.Option(help="Name of the room.")] = "demo",
) -> None:
    """Watch frames become captions, and captions reach an agent's turn. Needs nothing else.

    Brings its own NATS and its own clip. Uses Moondream or OpenAI when their settings are in the
    environment. Exits with 0 only if the turn carried a caption.
    """
    _quiet()
    from sightline.cli.demo import Plan, run_demo

    plan = Plan(source=source, seconds=seconds, question=question, as_json=as_json, room=room)
    raise typer.Exit(0 if command.finish(run_demo(plan)) else command.FAILED)


@app.command("demo-web", rich_help_panel=SEE)
def demo_web(
    port: Annotated[
        int | None,
        typer.Option(min=1, max=65535, help="Of the page; 8090 or a free one.", show_default=False),
    ] = None,
    opens: Annotated[bool, typer.Option("--open", help="Open the page in the browser.")] = False,
    as_json: Json = False,
) -> None:
    """Serve a page where you show your camera something and ask about it, until ^C. Needs nothing else.

    Brings its own NATS. Uses Moondream or OpenAI when their settings are in the environment; without a
    language model, the reply shows what one would have been sent.
    """
    _quiet()
    from sightline.cli.demo_web import Plan, run_demo_web

    command.finish(run_demo_web(Plan(port=port, as_json=as_json, opens=opens)))


@app.command(rich_help_panel=SEE)
def tail(
    room: Annotated[str | None, typer.Option(help="Only this room.", show_default=False)] = None,
    frames: Annotated[bool, typer.Option("--frames", help="Only frames.")] = False,
    captions: Annotated[bool, typer.Option("--captions", help="Only captions.")] = False,
    images: Annotated[bool, typer.Option("--images", help="Only images.")] = False,
    newest: Annotated[bool, typer.Option("--newest", help="Begin with the newest of each track.")] = False,
    as_json: Json = False,
) -> None:
    """Show frames, captions and images as they happen."""
    _quiet()
    from sightline.cli.tail import Kind, tail as work

    chosen = {Kind.FRAMES: frames, Kind.CAPTIONS: captions, Kind.IMAGES: images}
    kinds = frozenset(kind for kind, wanted in chosen.items() if wanted) or frozenset(Kind)
    command.finish(work(room, kinds, as_json, "newest" if newest else "new"))


@app.command(rich_help_panel=SEE)
def watch(room: Room, as_json: Json = False) -> None:
    """Announce that a room wants eyes, until ^C."""
    _quiet()
    from sightline.cli.eyes import watch as work

    command.finish(work(room, as_json))


@app.command(rich_help_panel=SEE)
def capture(
    room: Room,
    participant: Participant,
    deadline: Annotated[float, typer.Option(min=0.1, max=30, help="Seconds to wait for a picture.")] = 2.0,
    save: Annotated[
        Path | None, typer.Option(help="Write the picture into this file.", show_default=False)
    ] = None,
    as_json: Json = False,
) -> None:
    """Ask for a frame of a participant now, and print its id."""
    _quiet()
    from sightline.cli.eyes import capture as work

    command.finish(work(room, participant, deadline, save, as_json))


@app.command(rich_help_panel=SEE)
def ask(
    room: Room,
    participant: Participant,
    question: Annotated[str, typer.Argument(help="What to ask of the newest frame.", show_default=False)],
    stage: Annotated[str, typer.Option(help="Who answers.")] = "captioner",
    source: Annotated[
        Source | None, typer.Option(help="Which track, where there are several.", show_default=False)
    ] = None,
    as_json: Json = False,
) -> None:
    """Ask a question about what a participant shows now."""
    _quiet()
    from sightline.cli.eyes import ask as work

    command.finish(work(room, participant, question, stage, source.value if source else None, as_json))


@app.command(rich_help_panel=LOOK_AFTER)
def init(
    apply: Annotated[bool, typer.Option("--apply", help="Change streams that differ.")] = False,
    stage: Annotated[
        list[str] | None, typer.Option(help="Create this stage's queues, too.", show_default=False)
    ] = None,
    as_json: Json = False,
) -> None:
    """Create the streams, or compare them with what Sightline needs."""
    _quiet()
    from sightline.cli.streams import init as work

    raise typer.Exit(0 if command.finish(work(apply, as_json, stage or ())) else command.FAILED)


@app.command(rich_help_panel=LOOK_AFTER)
def doctor(as_json: Json = False) -> None:
    """Check NATS, streams, LiveKit, models and credentials, and say how to mend each."""
    _quiet()
    from sightline.cli.doctor import doctor as work

    raise typer.Exit(0 if command.finish(work(as_json)) else command.FAILED)


@app.command(rich_help_panel=LOOK_AFTER)
def ps(as_json: Json = False) -> None:
    """Show stages, their replicas, and how far each is behind."""
    _quiet()
    from sightline.cli.ps import ps as work

    command.finish(work(as_json))


@app.command(rich_help_panel=LOOK_AFTER)
def workers(as_json: Json = False) -> None:
    """List the vision workers that are installed."""
    from sightline.cli.stages import list_workers

    list_workers(as_json)


@app.command(rich_help_panel=LOOK_AFTER)
def run(
    stage: Annotated[str, typer.Argument(help="Name of the stage.", show_default=False)],
    worker: Annotated[
        str | None,
        typer.Option(help="A worker straight from a file: `file.py:Class`.", show_default=False),
    ] = None,
) -> None:
    """Run one replica of a stage: an installed worker, or a class in a file."""
    from sightline.cli.stages import run_stage

    run_stage(stage, worker)


def _quiet() -> None:
    from sightline.cli.connect import quiet_logs

    quiet_logs(command.debug)


app.add_typer(dead_app.app, name="dead", rich_help_panel=LOOK_AFTER)
app.command("nats-config", rich_help_panel=LOOK_AFTER)(nats_config)
extensions.add_commands(app)
