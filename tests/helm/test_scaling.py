"""Scaling on lag: the queues are those of the code, and what KEDA asks for is what a server tells."""

from __future__ import annotations

import asyncio
import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sightline import metrics, topology
from sightline.embedded import NatsServer, free_port
from sightline.messages import Lane
from support.command_line import sightline
from support.helm import Object, container, of_kind, pods, render, values_file

SCALED = ["everything", "external-nats", "workers", "from-nothing", "cluster"]


def triggers(thing: Object) -> dict[str, dict[str, str]]:
    return {each["name"]: each["metadata"] for each in thing["spec"]["triggers"]}


def stages_scaled(objects: list[Object]) -> Iterator[tuple[str, dict[str, dict[str, str]]]]:
    for name, each in of_kind(objects, "ScaledObject").items():
        if name != "room-ingest":
            yield name, triggers(each)


@pytest.mark.parametrize("values", SCALED)
def test_each_stage_scales_on_both_lanes_of_its_own_queue(values: str) -> None:
    found = dict(stages_scaled(render(values_file(values))))
    assert found
    for name, by_lane in found.items():
        for lane in Lane:
            queue = topology.lane_queue(name, lane)
            told = by_lane[lane.value]
            assert (told["stream"], told["consumer"]) == (queue.stream, queue.name)
            assert int(told["lagThreshold"]) > 0


def test_room_ingest_scales_on_the_queue_of_rooms() -> None:
    objects = render(values_file("everything"))
    [told] = triggers(of_kind(objects, "ScaledObject")["room-ingest"]).values()
    assert (told["stream"], told["consumer"]) == (topology.ROOM_QUEUE.stream, topology.ROOM_QUEUE.name)


@pytest.mark.parametrize("values", [*SCALED, "hpa"])
def test_what_is_scaled_has_no_number_of_replicas_and_everything_else_has(values: str) -> None:
    objects = render(values_file(values))
    scaled = set(of_kind(objects, "ScaledObject")) | set(of_kind(objects, "HorizontalPodAutoscaler"))
    assert scaled
    for name, each in of_kind(objects, "Deployment").items():
        assert ("replicas" in each["spec"]) == (name not in scaled), name


def test_a_worker_that_says_so_is_not_scaled() -> None:
    assert "plates" not in of_kind(render(values_file("everything")), "ScaledObject")


def test_a_stage_that_is_not_there_is_woken_by_rooms() -> None:
    """Nobody offers tickets to a stage that does not run, so its own lag stays at nothing."""
    scaled = of_kind(render(values_file("from-nothing")), "ScaledObject")["captioner"]
    assert scaled["spec"]["minReplicaCount"] == 0
    rooms = triggers(scaled)["rooms"]
    assert (rooms["stream"], rooms["consumer"]) == (topology.ROOMS.name, topology.ROOM_QUEUE.name)
    assert int(rooms["lagThreshold"]) > topology.ROOM_QUEUE.max_ack_pending, "rooms ask for one replica"
    others = of_kind(render(values_file("everything")), "ScaledObject")
    assert "rooms" not in triggers(others["captioner"])


@pytest.mark.parametrize("values", SCALED)
def test_a_number_that_is_wrong_for_a_moment_does_little(values: str) -> None:
    """A missing queue looks like its stream's whole history: what follows of that is bounded."""
    for each in of_kind(render(values_file(values)), "ScaledObject").values():
        spec = each["spec"]
        up = spec["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]["scaleUp"]
        assert {policy["type"]: policy["value"] for policy in up["policies"]} == {"Pods": 4, "Percent": 100}
        assert spec["fallback"]["behavior"] == "currentReplicasIfHigher"
        assert spec["fallback"]["replicas"] >= 1


@pytest.mark.parametrize("values", [each for each in SCALED if each != "cluster"])
def test_init_creates_the_queues_of_every_stage_that_is_installed(values: str) -> None:
    objects = render(values_file(values))
    command = container(dict(pods(objects))["init"])["command"]
    given = {each.removeprefix("--stage=") for each in command if each.startswith("--stage=")}
    assert given >= dict(stages_scaled(objects)).keys()
    job = of_kind(objects, "Job")["init"]
    assert job["metadata"]["annotations"]["helm.sh/hook"] == "post-install,pre-upgrade"


def test_without_keda_each_stage_scales_on_what_its_replicas_tell_prometheus() -> None:
    scaled = of_kind(render(values_file("hpa")), "HorizontalPodAutoscaler")
    assert set(scaled) == {"captioner", "encoder", "plates"}
    [gauge] = metrics.TRACKS_WAITING.collect()
    for name, each in scaled.items():
        asked = [one["external"]["metric"] for one in each["spec"]["metrics"]]
        labels = [one["selector"]["matchLabels"] for one in asked]
        assert {one["name"] for one in asked} == {gauge.name}
        assert labels == [{"stage": name, "lane": lane} for lane in ("routine", "urgent")]
        assert all(set(each) == set(metrics.TRACKS_WAITING._labelnames) for each in labels)


def test_keda_asks_for_the_account_that_the_streams_are_in() -> None:
    for values, account in [("workers", "$G"), ("everything", "SIGHTLINE")]:
        for each in of_kind(render(values_file(values)), "ScaledObject").values():
            assert {told["account"] for told in triggers(each).values()} == {account}


async def test_a_server_of_the_chart_tells_the_lag_of_every_queue_that_keda_asks_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The chart's own server and `sightline init`, then KEDA's request and how it reads the answer."""
    objects = render(values_file("workers"))
    config = tmp_path / "nats.conf"
    text = of_kind(objects, "ConfigMap")["nats"]["data"]["nats.conf"]
    config.write_text(text.replace("store_dir: /data", ""))  # a folder of the test's own
    command = container(dict(pods(objects))["init"])["command"]
    monkeypatch.setenv("NATS_SERVER_NAME", "eyes-sightline-nats-0")
    port = free_port()
    async with NatsServer(store=tmp_path / "store", config=config, args=("-m", str(port))) as server:
        done = await sightline(*command[1:], NATS_URL=server.url)
        assert done.code == 0, done.err
        wanted = [
            told for each in of_kind(objects, "ScaledObject").values() for told in triggers(each).values()
        ]
        assert len(wanted) == 8
        for told in wanted:
            assert await asyncio.to_thread(lag, port, told) == 0


def lag(port: int, told: dict[str, str]) -> int:
    """As KEDA's scaler counts: what waits, and what is in hand."""
    url = f"http://127.0.0.1:{port}/jsz?acc={told['account']}&consumers=true&config=true"
    with urllib.request.urlopen(url, timeout=10) as answer:
        details: dict[str, Any] = json.load(answer)
    [account] = [each for each in details["account_details"] if each["name"] == told["account"]]
    [stream] = [each for each in account["stream_detail"] if each["name"] == told["stream"]]
    [consumer] = [each for each in stream["consumer_detail"] if each["name"] == told["consumer"]]
    return int(consumer["num_pending"] + consumer["num_ack_pending"])
