"""The command ``room-ingest``: what it takes, and what it says when that makes no sense."""

from __future__ import annotations

import asyncio
import os
import sys

import pytest

from sightline.messages import Source
from sightline_ingest.__main__ import parse, parser
from support.nats_server import Server


def test_help_names_both_ways_to_use_it_and_where_the_settings_are() -> None:
    text = parser().format_help()
    for said in ("LIVEKIT_URL", "INGEST_ROOMS=all", "--source clip.mp4 --room demo --participant alice"):
        assert said in text


def test_a_source_is_read_with_whose_video_it_is() -> None:
    given = parse(
        ["--source", "clip.mp4", "--room", "demo", "--participant", "alice", "--kind", "screen", "--loop"]
    )
    assert (given.source, given.room, given.participant) == ("clip.mp4", "demo", "alice")
    assert given.kind is Source.SCREEN
    assert given.loop
    assert given.realtime
    assert not parse(["--source", "c", "--room", "r", "--participant", "p", "--no-realtime"]).realtime


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("--source clip.mp4", "--source needs --room and --participant"),
        ("--source clip.mp4 --room demo", "--source needs --room and --participant"),
        ("--room demo", "go with --source"),
        ("--loop", "go with --source"),
        ("--source c --room r --participant p --kind oil", "--kind"),
    ],
)
def test_a_command_that_makes_no_sense_is_refused(
    line: str, why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as exit_:
        parse(line.split())
    assert exit_.value.code == 2
    assert why in capsys.readouterr().err


async def test_a_bad_setting_stops_the_start_with_its_name(nats: Server) -> None:
    environment = {
        **os.environ,
        "NATS_URL": nats.url,
        "INGEST_ROOMS": "some",
        "SIGHTLINE_HTTP_PORT": "-1",
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "sightline_ingest", env=environment, stderr=asyncio.subprocess.PIPE
    )
    _, errors = await process.communicate()
    assert process.returncode == 2
    assert b"INGEST_ROOMS: Input should be 'announced' or 'all', got 'some'" in errors
