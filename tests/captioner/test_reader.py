"""Tesseract as a program: bounded in time and output, whatever it does. Programs here are real, too."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from sightline_captioner.offline.reader import Reader, words
from support.frames import RED, plain

HEADER = "level\tpage\tblock\tpar\tline\tword\tleft\ttop\twidth\theight\tconf\ttext"


def program(path: Path, on_a_picture: str) -> str:
    """A program that knows English and does this with a picture."""
    script = f'#!/bin/sh\nif [ "$1" = --list-langs ]; then echo List:; echo eng; exit; fi\n{on_a_picture}\n'
    path = path / "reads"
    path.write_text(script)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


async def reader(path: Path, on_a_picture: str, seconds: float = 30.0) -> Reader:
    made = Reader(program(path, on_a_picture), "eng", seconds)
    await made.start()
    assert made.problem == ""
    return made


async def test_a_program_that_hangs_is_ended(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    hangs = await reader(tmp_path, f"echo $$ > {pid}; exec sleep 600", seconds=1.0)
    assert await hangs.read(plain(RED)) is None
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid.read_text()), 0)


@pytest.mark.parametrize(
    "does",
    [
        "exit 1",
        "cat > /dev/null; exit 3",
        "exec yes",
        "kill -9 $$",
    ],
)
async def test_a_program_that_fails_or_floods_reads_nothing(does: str, tmp_path: Path) -> None:
    assert await (await reader(tmp_path, does)).read(plain(RED)) is None


@pytest.mark.parametrize("does", ["exit 0", "cat > /dev/null; echo garbage", "head -c 999 /dev/urandom"])
async def test_a_program_that_says_nothing_sensible_found_no_text(does: str, tmp_path: Path) -> None:
    assert await (await reader(tmp_path, does)).read(plain(RED)) == ""


async def test_the_program_gets_the_picture_but_no_keys(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MOONDREAM_API_KEY", "secret")
    seen, env = tmp_path / "seen", tmp_path / "env"
    assert await (await reader(tmp_path, f"cat > {seen}; env > {env}")).read(plain(RED, 64, 36)) == ""
    assert seen.read_bytes().startswith(b"P5 64 36 255\n")
    assert len(seen.read_bytes()) == len(b"P5 64 36 255\n") + 64 * 36
    assert "secret" not in env.read_text()


async def test_a_missing_program_or_language_is_told(tmp_path: Path) -> None:
    problems = []
    for name, languages in [("", "eng"), ("no-such-program", "eng"), (program(tmp_path, ""), "eng+xyz")]:
        made = Reader(name, languages)
        await made.start()
        problems.append(made.problem)
        assert await made.read(plain(RED)) is None
    assert problems[0] == "CAPTIONER_TESSERACT is empty"
    assert problems[1] == "no-such-program is not installed"
    assert problems[2].endswith("lacks xyz")


def test_only_words_that_it_is_sure_of_count() -> None:
    rows = [
        *("5\t1\t1\t1\t1\t1\t0\t0\t9\t9\t96.1\tEXIT", "5\t1\t1\t1\t1\t2\t0\t0\t9\t9\t31.0\tmaybe"),
        *("4\t1\t1\t1\t1\t0\t0\t0\t9\t9\t-1\t", "5\t1\t1\t1\t1\t3\t0\t0\t9\t9\t90\t|", "cut\toff"),
        "5\t1\t1\t1\t1\t4\t0\t0\t9\t9\t88.5\t42",
    ]
    assert words("\n".join([HEADER, *rows])) == "EXIT 42"


def test_short_words_alone_are_noise() -> None:
    rows = [f"5\t1\t1\t1\t1\t1\t0\t0\t9\t9\t95\t{word}" for word in ("ae", "a", "=x")]
    assert words("\n".join([HEADER, *rows])) == ""
