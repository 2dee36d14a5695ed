"""Runs the command line: errors become one line and an exit code."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Coroutine, Sequence
from typing import Any, NoReturn, TypeVar

from sightline.errors import SettingsError, SightlineError

FAILED, MISUSED, INTERRUPTED = 1, 2, 130
"""Exit codes: it did not work; the command line or a setting is wrong; ^C."""

T = TypeVar("T")

debug = False
"""Whether errors keep their traceback: ``sightline --debug``."""


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run one command line, of ``sys.argv`` unless given, and exit."""
    try:
        app = _app()
        app(arguments, prog_name="sightline")
        sys.exit(0)
    except SightlineError as error:
        if debug:
            raise
        print(f"sightline: {error}", file=sys.stderr)
        sys.exit(MISUSED if isinstance(error, SettingsError) else FAILED)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        # The reader has seen enough (`| head`). Python flushes stdout once more at exit: into nothing.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(FAILED)
    except Exception as error:
        if debug:
            raise
        print(f"sightline: unexpected {type(error).__name__}: {error} (--debug shows where)", file=sys.stderr)
        sys.exit(FAILED)


def finish(work: Coroutine[Any, Any, T]) -> T:
    """Run a command's coroutine to its end; ^C is one way to end it, and no reason to complain."""
    import typer

    try:
        return asyncio.run(work)
    except (KeyboardInterrupt, asyncio.CancelledError):
        raise typer.Exit(INTERRUPTED) from None
    except BaseExceptionGroup as group:
        raise _first(group) from group


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """What ended a group of tasks: the first error in it that is no group itself."""
    error = group.exceptions[0]
    return _first(error) if isinstance(error, BaseExceptionGroup) else error


def _app() -> Any:
    try:
        from sightline.cli.app import app
    except ModuleNotFoundError as error:
        if error.name not in ("typer", "rich"):
            raise
        raise SettingsError(
            f"the command line needs {error.name}: install the extra `sightline[cli]`"
        ) from None
    return app
