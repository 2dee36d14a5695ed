"""The servers that the chart starts: a configuration that nats-server takes, with room for the streams."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from sightline import topology
from sightline.embedded import find_nats_server
from support.helm import container, environment, of_kind, pods, render, values_file


def configuration(values: str, *settings: str) -> str:
    text: str = of_kind(render(values_file(values), *settings), "ConfigMap")["nats"]["data"]["nats.conf"]
    return text


@pytest.mark.parametrize("values", ["minimal", "cluster"])
def test_nats_takes_the_configuration(values: str, tmp_path: Path) -> None:
    path = tmp_path / "nats.conf"
    # The certificates of a cluster are in its Secret.
    path.write_text(configuration(values, "nats.tls.existingSecret="))
    done = subprocess.run(
        [find_nats_server(), "-t", "--config", path],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
        env=os.environ | {"NATS_SERVER_NAME": "eyes-sightline-nats-0"},
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(("storage", "times"), [("memory", 1), ("file", 2)])
def test_what_the_streams_reserve_fits(storage: str, times: int) -> None:
    """Twice in files: one server that becomes a cluster has the old streams' for a while."""
    reserved = sum(stream.max_bytes for stream in topology.STREAMS if stream.storage == storage)
    found = re.search(rf"max_{storage}_store: (\d+)MiB", configuration("minimal"))
    assert found is not None
    assert int(found[1]) * 1024 * 1024 > times * reserved


def test_the_memory_of_a_server_holds_its_store() -> None:
    server = container(dict(pods(render(values_file("minimal"))))["nats"])
    limits = {kind: server["resources"][kind]["memory"] for kind in ("requests", "limits")}
    assert {kind: int(size.removesuffix("Mi")) > 1280 for kind, size in limits.items()} == {
        "requests": True,
        "limits": True,
    }


def test_one_server_keeps_one_copy_and_a_cluster_three() -> None:
    for values, copies in [("minimal", "1"), ("cluster", "3"), ("external-nats", "3")]:
        for name, pod in pods(render(values_file(values))):
            if name != "nats":
                assert environment(pod)["NATS_STREAM_REPLICAS"] == copies


def test_the_servers_of_a_cluster_know_one_another_by_the_names_that_keda_asks_by() -> None:
    """KEDA looks for a queue's leader at <server>.<endpoint>, the servers being those of the routes."""
    objects = render(values_file("cluster"))
    servers = of_kind(objects, "StatefulSet")["nats"]
    assert servers["spec"]["serviceName"] == "eyes-sightline-nats-peers"
    routes = re.findall(r"tls://([^:\s]+):6222", configuration("cluster"))
    assert routes == [f"eyes-sightline-nats-{n}.eyes-sightline-nats-peers.vision.svc" for n in range(3)]
    [trigger, *_] = of_kind(objects, "ScaledObject")["captioner"]["spec"]["triggers"]
    endpoint = trigger["metadata"]["natsServerMonitoringEndpoint"]
    assert {f"{route.split('.')[0]}.{endpoint}" for route in routes} == {f"{route}:8222" for route in routes}
    assert "no_advertise: true" in configuration("cluster")


def test_a_server_of_a_cluster_hands_over_before_it_ends() -> None:
    cluster = dict(pods(render(values_file("cluster"))))["nats"]
    assert container(cluster)["lifecycle"]["preStop"]["exec"]["command"] == [
        "nats-server",
        "--signal",
        "ldm=/tmp/nats.pid",
    ]
    times = re.findall(r'lame_duck_\w+: "(\d+)s"', configuration("cluster"))
    assert cluster["spec"]["terminationGracePeriodSeconds"] > sum(map(int, times))


def test_credentials_bring_the_configuration_with_them() -> None:
    objects = render(values_file("everything"))
    assert "nats" not in of_kind(objects, "ConfigMap")
    server = dict(pods(objects))["nats"]
    [config] = [each for each in server["spec"]["volumes"] if each["name"] == "config"]
    files = [item["path"] for source in config["projected"]["sources"] for item in source["secret"]["items"]]
    assert files == ["nats.conf", "tls/server.crt", "tls/server.key", "tls/ca.crt"]


def test_a_changed_configuration_restarts_the_servers() -> None:
    first, second = (
        dict(pods(render(values_file("minimal"), f"nats.fileStoreMiB={size}")))["nats"]["metadata"]
        for size in (4096, 5000)
    )
    assert first["annotations"] != second["annotations"]


def test_no_servers_are_started_where_there_are_some() -> None:
    objects = render(values_file("external-nats"))
    assert not of_kind(objects, "StatefulSet")
    assert "nats" not in of_kind(objects, "Service")
