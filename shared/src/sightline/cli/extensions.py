"""Commands of other packages: entry points in the group ``sightline.commands``.

An entry point names a function with Typer's annotations, or a ``typer.Typer`` of several commands. It
is loaded when its command runs, and not for the list of commands.
"""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points
from typing import Any

import typer

from sightline.errors import SightlineError

GROUP = "sightline.commands"

PASS_ON = {"allow_extra_args": True, "ignore_unknown_options": True}


def add_commands(app: typer.Typer) -> None:
    """Add the commands of all installed packages to ``app``."""
    for entry in sorted(entry_points(group=GROUP), key=lambda entry: entry.name):
        _add(app, entry)


def _add(app: typer.Typer, entry: EntryPoint) -> None:
    package = entry.dist.name if entry.dist else "another package"

    # The command's own options and help are its own affair: everything is passed on as it is.
    @app.command(
        entry.name,
        help=f"{entry.name.capitalize()} (of {package}).",
        context_settings=PASS_ON,
        add_help_option=False,
        rich_help_panel="From other packages",
    )
    def command(context: typer.Context) -> None:
        loaded = typer.main.get_command(_as_app(_load(entry), entry.name))
        loaded.main(args=context.args, prog_name=f"sightline {entry.name}")


def _load(entry: EntryPoint) -> Any:
    try:
        return entry.load()
    except (ImportError, AttributeError) as error:
        raise SightlineError(
            f"the command {entry.name!r} is registered as {entry.value}, which does not load: {error}. "
            "Install its package again"
        ) from error


def _as_app(loaded: Any, name: str) -> typer.Typer:
    if isinstance(loaded, typer.Typer):
        return loaded
    single = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    single.command(name)(loaded)
    return single
