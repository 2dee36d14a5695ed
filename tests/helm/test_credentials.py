"""What `sightline nats-config` writes, run as documented, is what the chart mounts and the pods are told."""

from __future__ import annotations

import asyncio
import json
import re
import shlex
import urllib.request
from pathlib import Path

import pytest

from sightline.embedded import HOST, NatsServer, free_port
from support.command_line import sightline
from support.helm import ROOT, container, environment, of_kind, pods, render, values_file

PAGE = ROOT / "docs" / "operations" / "kubernetes.md"


@pytest.fixture
async def generated(tmp_path: Path) -> Path:
    """The folder that the documented command writes, with a worker besides."""
    text = PAGE.read_text().replace("\\\n", " ")
    found = re.search(r"^sightline (nats-config .*)$", text, re.MULTILINE)
    assert found is not None
    arguments = [*shlex.split(found[1]), "--worker", "plates"]
    folder = tmp_path / "generated"
    arguments[arguments.index("generated")] = str(folder)
    done = await sightline(*arguments)
    assert done.code == 0, done.err
    return folder


async def test_each_pod_is_told_what_its_credential_needs(generated: Path) -> None:
    checked = set()
    for name, pod in pods(render(values_file("everything"))):
        if name == "nats":
            continue
        [seed] = [each for each in pod["spec"]["volumes"] if each["name"] == "nats-seed"]
        [item] = seed["secret"]["items"]
        assert (generated / "seeds" / item["key"]).is_file(), name
        lines = (generated / "env" / f"{item['key'].removesuffix('.nk')}.env").read_text().splitlines()
        wanted = dict(line.split("=", 1) for line in lines)
        told = environment(pod)
        for variable in ("NATS_INBOX_PREFIX", "NATS_CREATE_STREAMS"):
            assert told[variable] == wanted[variable], f"{name}: {variable}"
        checked.add(name)
    assert checked >= {"room-ingest", "captioner", "encoder", "agent", "gateway", "plates", "init"}


async def test_servers_find_every_file_that_their_configuration_names(generated: Path) -> None:
    server = dict(pods(render(values_file("everything"))))["nats"]
    mounts = {each["name"]: each["mountPath"] for each in container(server)["volumeMounts"]}
    [config] = [each for each in server["spec"]["volumes"] if each["name"] == "config"]
    files = {
        f"{mounts['config']}/{item['path']}"
        for source in config["projected"]["sources"]
        for item in source["secret"]["items"]
    }
    text = (generated / "nats.conf").read_text()
    named = set(re.findall(r'_file: "([^"]+)"', text))
    assert named
    assert named <= files
    assert f'store_dir: "{mounts["data"]}"' in text
    assert 'listen: "0.0.0.0:4222"' in text
    assert 'http: "0.0.0.0:8222"' in text


async def test_the_certificate_is_of_the_name_that_services_connect_to(generated: Path) -> None:
    command = re.search(r"--host (\S+)", PAGE.read_text())
    assert command is not None
    told = environment(dict(pods(render(values_file("everything"))))["captioner"])
    assert told["NATS_URL"] == f"tls://{command[1]}:4222"
    assert (generated / "tls" / "server.crt").is_file()


async def test_the_job_makes_the_queues_with_the_rights_that_it_has(generated: Path) -> None:
    objects = render(values_file("everything"))
    text = (generated / "nats.conf").read_text().replace("/etc/nats/", f"{generated}/")
    text = re.sub(r"(?m)^\s*(listen|http|store_dir): .*$", "", text)
    config = generated / "here.conf"
    config.write_text(text)
    port = free_port()
    async with NatsServer(store=generated / "store", config=config, args=("-m", str(port))) as server:
        job = dict(pods(objects))["init"]
        done = await sightline(
            *container(job)["command"][1:],
            NATS_URL=server.url,
            NATS_NKEY_SEED_FILE=str(generated / "seeds" / "admin.nk"),
            NATS_INBOX_PREFIX=environment(job)["NATS_INBOX_PREFIX"],
            NATS_TLS_CA=str(generated / "tls" / "ca.crt"),
        )
        assert done.code == 0, done.err
        for each in of_kind(objects, "ScaledObject").values():
            for trigger in each["spec"]["triggers"]:
                found = await asyncio.to_thread(consumers, port, trigger["metadata"])
                assert trigger["metadata"]["consumer"] in found


def consumers(port: int, told: dict[str, str]) -> set[str]:
    """The queues that a server shows, as KEDA asks for them."""
    url = f"http://{HOST}:{port}/jsz?acc={told['account']}&consumers=true&config=true"
    with urllib.request.urlopen(url, timeout=10) as answer:
        accounts = json.load(answer)["account_details"]
    return {
        consumer["name"]
        for account in accounts
        if account["name"] == told["account"]
        for stream in account["stream_detail"]
        if stream["name"] == told["stream"]
        for consumer in stream["consumer_detail"]
    }
