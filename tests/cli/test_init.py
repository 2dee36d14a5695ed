"""`sightline init` on a real server: created, verified, drifted, applied, refused."""

from __future__ import annotations

from dataclasses import replace

from sightline import topology
from sightline.bus import Bus
from sightline.config import BusSettings
from sightline.messages import Lane
from support.command_line import sightline
from support.nats_server import Server

NAMES = [stream.name for stream in topology.STREAMS]


def looking(nats: Server) -> BusSettings:
    return BusSettings(url=nats.url)


async def make(nats: Server, stream: topology.Stream) -> None:
    """Create a stream with settings of its own, as a careless hand would."""
    async with Bus.open(looking(nats), name="test", verify=False) as bus:
        await bus.ensure([stream])


async def test_streams_are_created_and_then_verified(nats: Server) -> None:
    first = await sightline("init", "--json", NATS_URL=nats.url)
    assert first.code == 0
    assert first.records == [{"stream": name, "action": "created"} for name in NAMES]
    again = await sightline("init", "--json", NATS_URL=nats.url)
    assert again.code == 0
    assert again.records == [{"stream": name, "action": "verified"} for name in NAMES]


async def test_a_drifted_stream_is_shown_with_both_values_and_left_alone(nats: Server) -> None:
    await make(nats, replace(topology.FRAMES, max_msg_size=4096))
    for _ in range(2):
        finished = await sightline("init", NATS_URL=nats.url)
        assert finished.code == 1
        [row] = [line.split() for line in finished.out.splitlines() if "differs" in line]
        assert row == ["SIGHTLINE_FRAMES", "differs", "max_msg_size", "1048576", "4096"]
        assert "sightline init --apply" in finished.err


async def test_apply_changes_what_differs(nats: Server) -> None:
    await make(nats, replace(topology.FRAMES, max_msg_size=4096))
    applied = await sightline("init", "--apply", "--json", NATS_URL=nats.url)
    assert applied.code == 0
    [frames] = [record for record in applied.records if record["stream"] == "SIGHTLINE_FRAMES"]
    assert frames == {
        "stream": "SIGHTLINE_FRAMES",
        "action": "applied",
        "field": "max_msg_size",
        "wanted": 1024 * 1024,
        "found": 4096,
    }
    after = await sightline("init", "--json", NATS_URL=nats.url)
    assert {record["action"] for record in after.records} == {"verified"}


async def test_a_change_that_the_server_refuses_is_an_error_that_says_what_to_do(nats: Server) -> None:
    await make(nats, replace(topology.CAPTIONS, storage="memory"))
    finished = await sightline("init", "--apply", NATS_URL=nats.url)
    assert finished.code == 1
    [line] = finished.err.splitlines()
    assert line.startswith("sightline: SIGHTLINE_CAPTIONS")
    assert "storage" in line
    assert "Delete the stream" in line


async def test_a_stage_has_its_queues_before_any_replica_of_it_ran(nats: Server) -> None:
    """What scales replicas by their queue's lag counts wrongly where there is no queue."""
    finished = await sightline("init", "--stage", "plates", "--stage", "captioner", NATS_URL=nats.url)
    assert finished.code == 0
    async with Bus.open(looking(nats), name="test") as bus:
        for stage in ("plates", "captioner"):
            for lane in Lane:
                assert await bus.lag(topology.lane_queue(stage, lane)) == (0, 0)
        assert await bus.lag(topology.ROOM_QUEUE) == (0, 0)
    assert (await sightline("init", "--stage", "plates", NATS_URL=nats.url)).code == 0


async def test_a_stage_that_is_no_name_is_refused(nats: Server) -> None:
    finished = await sightline("init", "--stage", "number.plates", NATS_URL=nats.url)
    assert finished.code == 2
    assert "--stage: expected letters" in finished.err
    assert "number.plates" in finished.err
