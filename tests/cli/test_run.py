"""`sightline run`: a class in a scratch file gets frames, like any installed worker."""

from __future__ import annotations

from pathlib import Path

import pytest
import simplejpeg

from sightline import topology
from sightline.bus import Bus
from sightline.messages import Caption, Frame, Lane, Ticket, Track, Trigger
from support.command_line import sightline, started
from support.nats_server import Server
from support.scenes import RED, scene

WORKER = '''
from neighbour import WORD
from sightline import Caption, Frame, VisionWorker

class Sizes(VisionWorker):
    """Tells how large a picture is."""

    async def process(self, frame: Frame) -> Caption | None:
        height, width, _ = frame.pixels.shape
        return Caption(text=f"{WORD} {width} by {height}")
'''


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    """A file with one class and one method, and a module beside it."""
    (tmp_path / "neighbour.py").write_text('WORD = "a picture of"\n')
    (tmp_path / "sizes.py").write_text(WORKER)
    return tmp_path / "sizes.py"


async def offer(bus: Bus, stage: str) -> Frame:
    """One frame and its ticket for a stage, as a source publishes them."""
    data = simplejpeg.encode_jpeg(scene(RED, size=(96, 64)))
    frame = Frame(
        track=Track(room="demo", participant="alice", id="camera"),
        sequence=1,
        captured_at=bus.now(),
        trigger=Trigger.INITIAL,
        width=96,
        height=64,
        content_hash=Frame.hash_of(data),
        data=data,
    )
    await bus.publish(frame)
    await bus.offer(Ticket(stage=stage, lane=Lane.ROUTINE, track=frame.track, sequence=1))
    return frame


@pytest.mark.parametrize("name", ["", ":Sizes"])
async def test_a_worker_in_a_file_gets_frames_and_its_captions_are_published(
    nats: Server, bus: Bus, scratch: Path, name: str
) -> None:
    frame = await offer(bus, "sizes")
    command = ("run", "sizes", "--worker", f"{scratch}{name}")
    async with started(*command, NATS_URL=nats.url, SIGHTLINE_HTTP_PORT="-1") as process:
        feed = bus.feed(topology.CAPTIONS, topology.CAPTIONS.subjects[0], (Caption,), history="all")
        caption = (await anext(feed)).message
        await feed.aclose()
        process.terminate()
        await process.communicate()
    assert (caption.text, caption.stage) == ("a picture of 96 by 64", "sizes")
    assert caption.frame == frame.info
    assert process.returncode == 0


@pytest.mark.parametrize(
    ("worker", "expected"),
    [
        ("missing.py:Sizes", "got 'missing.py:Sizes'"),
        ("{scratch}:Other", "Other"),
        ("{scratch}:Frame", "VisionWorker"),
        ("{folder}/neighbour.py", "found none"),
        ("{folder}/broken.py", "SyntaxError"),
    ],
)
async def test_a_file_without_such_a_worker_is_a_clear_error(
    scratch: Path, worker: str, expected: str
) -> None:
    (scratch.parent / "broken.py").write_text("def (")
    where = worker.format(scratch=scratch, folder=scratch.parent)
    finished = await sightline("run", "sizes", "--worker", where, NATS_URL="nats://127.0.0.1:9")
    assert (finished.code, finished.out) == (2, "")
    [line] = finished.err.splitlines()
    assert expected in line


async def test_a_stage_that_nobody_has_installed_is_named_with_those_that_are(nats: Server) -> None:
    finished = await sightline("run", "plates", NATS_URL=nats.url, SIGHTLINE_HTTP_PORT="-1")
    assert finished.code == 2
    assert "no worker is named 'plates'; installed are: captioner, encoder" in finished.err


async def test_ps_shows_a_running_replica(nats: Server, bus: Bus, scratch: Path) -> None:
    await offer(bus, "sizes")
    command = ("run", "sizes", "--worker", str(scratch))
    async with started(*command, NATS_URL=nats.url, SIGHTLINE_HTTP_PORT="-1"):
        feed = bus.feed(topology.CAPTIONS, topology.CAPTIONS.subjects[0], (Caption,), history="all")
        await anext(feed)
        await feed.aclose()
        finished = await sightline("ps", "--json", NATS_URL=nats.url)
        people = await sightline("ps", NATS_URL=nats.url)
    [record] = finished.records
    assert (record["stage"], len(record["replicas"])) == ("sizes", 1)
    assert record["wants"]["max_fps"] == 1
    assert record["lanes"]["routine"] == {"waiting": 0, "in_progress": 0}
    assert people.out.splitlines()[1].split()[:2] == ["sizes", "1"]
