"""The commands of ``sightline dead``: their arguments and options."""

from __future__ import annotations

from typing import Annotated

import typer

from sightline.cli import command

Id = Annotated[int, typer.Argument(metavar="ID", help="As `dead list` shows it.", show_default=False)]
SomeId = Annotated[
    int | None, typer.Argument(metavar="[ID]", help="As `dead list` shows it.", show_default=False)
]
Stage = Annotated[str | None, typer.Option(help="Only this stage.", show_default=False)]
Json = Annotated[bool, typer.Option("--json", help="One JSON object a line, for scripts.")]

app = typer.Typer(help="Work that was given up on: see why, and try again.", no_args_is_help=True)


@app.command("list")
def list_(
    stage: Stage = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 100,
    as_json: Json = False,
) -> None:
    """List dead letters, the newest first."""
    _quiet()
    from sightline.cli.dead import list_letters

    command.finish(list_letters(stage, limit, as_json))


@app.command()
def show(number: Id, as_json: Json = False) -> None:
    """Show one: why it failed, how often it was tried, and which frame it was."""
    _quiet()
    from sightline.cli.dead import show_letter

    command.finish(show_letter(number, as_json))


@app.command()
def retry(
    number: SomeId = None,
    stage: Annotated[
        str | None, typer.Option(help="All of this stage, instead of one.", show_default=False)
    ] = None,
    forget: Annotated[bool, typer.Option("--forget", help="Delete the letter, too.")] = False,
    as_json: Json = False,
) -> None:
    """Have the newest frame of its track looked at again. Exits with 1 where there is none any more."""
    _quiet()
    from sightline.cli.dead import retry_letters

    done = command.finish(retry_letters(number, stage, forget, as_json))
    raise typer.Exit(0 if done else command.FAILED)


def _quiet() -> None:
    from sightline.cli.connect import quiet_logs

    quiet_logs(command.debug)
