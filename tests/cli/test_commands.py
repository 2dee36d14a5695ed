"""The command line as somebody meets it: help, mistakes, errors, other packages' commands."""

from __future__ import annotations

import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

import support.command_line as command_line
from sightline.cli import extensions
from sightline.cli.command import main
from support.command_line import sightline

NOBODY = "nats://someone:hunter2@127.0.0.1:9"
"""Nobody listens on the port `discard`."""

HEAVY = ("numpy", "pydantic", "nats", "cv2", "livekit", "structlog")


async def test_help_lists_every_command_without_importing_anything_heavy() -> None:
    code = f"""
import sys
from sightline.cli.command import main
try:
    main(["--help"])
finally:
    heavy = [name for name in {HEAVY} if name in sys.modules]
    assert not heavy, heavy
"""
    finished = await command_line.python("-c", code)
    assert (finished.code, finished.err) == (0, "")
    own = ("demo", "demo-web", "tail", "watch", "capture", "ask", "init", "doctor", "ps", "workers", "run")
    for name in (*own, "chat", "gateway-token"):
        assert f" {name} " in finished.out


@pytest.mark.parametrize("command", ["tail", "capture demo alice"])
async def test_without_nats_a_command_says_so_in_one_line_and_shows_no_password(command: str) -> None:
    finished = await sightline(*command.split(), NATS_URL=NOBODY)
    assert (finished.code, finished.out) == (1, "")
    [line] = finished.err.splitlines()
    assert line.startswith("sightline: expected a NATS server at nats://***@127.0.0.1:9")
    assert "sightline doctor" in line
    assert "hunter2" not in finished.err


async def test_a_bad_setting_is_named_and_is_a_usage_error() -> None:
    finished = await sightline("init", NATS_REQUEST_TIMEOUT="soon")
    assert finished.code == 2
    assert finished.err.startswith("sightline: NATS_REQUEST_TIMEOUT: ")
    assert "'soon'" in finished.err


async def test_debug_keeps_the_traceback() -> None:
    finished = await sightline("--debug", "init", NATS_REQUEST_TIMEOUT="soon")
    assert finished.code == 1
    assert "Traceback" in finished.err
    assert "NATS_REQUEST_TIMEOUT" in finished.err


@pytest.mark.parametrize(
    "arguments", [["fly"], ["tail", "--sideways"], ["capture", "demo"], ["demo", "--seconds", "x"]]
)
async def test_a_wrong_command_line_is_a_usage_error(arguments: list[str]) -> None:
    finished = await sightline(*arguments)
    assert finished.code == 2
    assert "Usage: sightline" in finished.err


async def test_workers_are_listed_with_what_they_do() -> None:
    finished = await sightline("workers", "--json")
    assert finished.code == 0
    found = {record["stage"]: record for record in finished.records}
    assert found["encoder"]["class"] == "sightline_encoder.worker:Encoder"
    assert found["encoder"]["package"] == "sightline-encoder"
    assert (found["encoder"]["loads"], found["encoder"]["answers"]) == (True, False)
    assert found["captioner"]["answers"] is True


def extension(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str, name: str) -> typer.Typer:
    """A command line with one command of another package, whose module is ``source``."""
    (tmp_path / f"{name}.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    entry = EntryPoint("wave", f"{name}:command", extensions.GROUP)
    monkeypatch.setattr(
        extensions, "entry_points", lambda group: [entry] if group == extensions.GROUP else []
    )
    app = typer.Typer()
    app.callback()(lambda: None)
    extensions.add_commands(app)
    return app


def test_a_function_of_another_package_is_a_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = "import typer\ndef command(name: str, loud: bool = False):\n    typer.echo(f'{name} {loud}')\n"
    app = extension(tmp_path, monkeypatch, source, "wave_function")
    result = CliRunner().invoke(app, ["wave", "--loud", "you"])
    assert (result.exit_code, result.stdout) == (0, "you True\n")


def test_a_group_of_another_package_brings_its_own_commands_and_help(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = """
import typer
command = typer.Typer()
@command.command()
def left(): raise typer.Exit(7)
@command.command()
def right(): "To the right."
"""
    app = extension(tmp_path, monkeypatch, source, "wave_group")
    assert CliRunner().invoke(app, ["wave", "left"]).exit_code == 7
    helped = CliRunner().invoke(app, ["wave", "--help"])
    assert helped.exit_code == 0
    assert "To the right." in helped.stdout


def test_the_list_of_commands_does_not_import_other_packages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = extension(tmp_path, monkeypatch, "raise RuntimeError('imported')", "wave_broken")
    result = CliRunner().invoke(app, ["--help"])
    assert result.exit_code == 0
    assert "wave" in result.stdout
    assert "wave_broken" not in sys.modules


def test_a_command_that_does_not_load_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    app = extension(tmp_path, monkeypatch, "import a_package_that_is_not_there", "wave_missing")
    monkeypatch.setattr("sightline.cli.app.app", app)
    with pytest.raises(SystemExit) as ended:
        main(["wave"])
    assert ended.value.code == 1
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("sightline: the command 'wave' is registered as wave_missing:command")
    assert "a_package_that_is_not_there" in line
