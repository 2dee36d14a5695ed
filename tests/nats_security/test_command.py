"""`sightline nats-config` as somebody types it: what it writes, prints, keeps and refuses."""

from __future__ import annotations

import asyncio
import os
import stat
from pathlib import Path

import pytest

from sightline import topology
from sightline.cli import main
from sightline.embedded import find_nats_server
from support.command_line import Finished, sightline

NAMES = ["room-ingest", "captioner", "encoder", "agent", "gateway", "admin", "monitor"]


async def written(out: Path, *options: str) -> Finished:
    """Run it; it succeeds."""
    finished = await sightline("nats-config", "--out", str(out), *options)
    assert (finished.code, finished.err) == (0, "")
    return finished


async def server_accepts(config: Path, **environment: str) -> None:
    """Have nats-server itself read the configuration, without running."""
    process = await asyncio.create_subprocess_exec(
        *(await asyncio.to_thread(find_nats_server), "-t", "-c", config),
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, **environment},
    )
    _, said = await process.communicate()
    assert (process.returncode, b"is valid" in said) == (0, True), said


def seeds(out: Path) -> dict[str, bytes]:
    return {file.stem: file.read_bytes() for file in (out / "seeds").glob("*.nk")}


def mode(file: Path) -> int:
    return stat.S_IMODE(file.stat().st_mode)


async def test_it_writes_a_configuration_and_a_key_for_each_service_that_only_its_owner_reads(
    tmp_path: Path,
) -> None:
    out = tmp_path / "nats"
    finished = await written(out, "--worker", "plates", "--json")
    await server_accepts(out / "nats.conf")
    assert [record["service"] for record in finished.records] == [*NAMES, "plates"]
    for record in finished.records:
        name, settings = record["service"], record["settings"]
        assert settings["NATS_NKEY_SEED_FILE"] == str(out / "seeds" / f"{name}.nk")
        assert settings["NATS_INBOX_PREFIX"] == f"_INBOX_{name}"
        assert settings["NATS_TLS_CA"] == str(out / "tls" / "ca.crt")
        lines = (out / "env" / f"{name}.env").read_text().splitlines()
        assert lines == [f"{key}={value}" for key, value in settings.items()]
    secret = [*(out / "seeds").iterdir(), out / "tls" / "ca.key", out / "tls" / "server.key"]
    assert {mode(file) for file in secret} == {0o600}
    assert len(set(seeds(out).values())) == len(NAMES) + 1
    text = (out / "nats.conf").read_text()
    assert not [name for name, seed in seeds(out).items() if seed.decode() in text]


async def test_people_are_told_where_everything_is_and_no_key_is_shown(tmp_path: Path) -> None:
    out = tmp_path / "nats"
    finished = await written(out)
    assert f"# {out / 'nats.conf'}" in finished.out
    assert f"NATS_NKEY_SEED_FILE={out / 'seeds' / 'captioner.nk'}" in finished.out
    assert not [name for name, seed in seeds(out).items() if seed.decode() in finished.out]


async def test_what_is_there_is_not_overwritten_unasked(tmp_path: Path) -> None:
    out = tmp_path / "nats"
    await written(out)
    before = seeds(out)
    again = await sightline("nats-config", "--out", str(out))
    assert again.code == 2
    assert "--update keeps its keys" in again.err
    assert seeds(out) == before
    await written(out, "--force")
    assert not set(seeds(out).values()) & set(before.values())


async def test_an_update_keeps_keys_and_authority_and_adds_and_removes_workers(tmp_path: Path) -> None:
    out = tmp_path / "nats"
    await written(out, "--worker", "plates")
    before, authority = seeds(out), (out / "tls" / "ca.crt").read_bytes()
    await written(out, "--update", "--worker", "faces", "--rotate", "captioner")
    after = seeds(out)
    assert after.keys() == {*NAMES, "faces"}
    assert {name for name in NAMES if after[name] != before[name]} == {"captioner"}
    assert (out / "tls" / "ca.crt").read_bytes() == authority
    assert not (out / "env" / "plates.env").exists()
    assert "plates" not in (out / "nats.conf").read_text()


async def test_a_certificate_of_ones_own_is_used(tmp_path: Path) -> None:
    made, out = tmp_path / "made", tmp_path / "nats"
    await written(made, "--host", "bus.example.org")
    files = {option: str(made / "tls" / file) for option, file in OWN.items()}
    await written(out, *(f"{option}={file}" for option, file in files.items()))
    await server_accepts(out / "nats.conf")
    assert (out / "tls" / "server.crt").read_bytes() == (made / "tls" / "server.crt").read_bytes()
    assert mode(out / "tls" / "server.key") == 0o600
    assert not (out / "tls" / "ca.key").exists()


OWN = {"--tls-ca": "ca.crt", "--tls-cert": "server.crt", "--tls-key": "server.key"}


async def test_a_cluster_has_routes_over_tls_and_three_copies_of_each_stream(tmp_path: Path) -> None:
    out = tmp_path / "nats"
    finished = await written(out, "--cluster", "n1:6222,n2:6222,n3:6222", "--json")
    assert {record["settings"]["NATS_STREAM_REPLICAS"] for record in finished.records} == {"3"}
    assert {record["settings"]["NATS_URL"] for record in finished.records} == {
        "nats://n1:4222,nats://n2:4222,nats://n3:4222"
    }
    await server_accepts(out / "nats.conf", NATS_SERVER_NAME="n1")


async def test_the_folder_may_be_mounted_elsewhere(tmp_path: Path) -> None:
    out = tmp_path / "nats"
    finished = await written(out, "--mounted-at", "/etc/nats", "--store", "/data", "--json")
    text = (out / "nats.conf").read_text()
    assert '"/etc/nats/tls/server.key"' in text
    assert 'store_dir: "/data"' in text
    assert str(tmp_path) not in str(finished.records) + text


async def test_the_server_has_room_for_all_that_the_streams_may_hold(tmp_path: Path) -> None:
    out = tmp_path / "nats"
    await written(out)
    limits = dict(
        line.strip().split(": ") for line in (out / "nats.conf").read_text().splitlines() if "_store:" in line
    )
    for storage in ("memory", "file"):
        held = sum(stream.max_bytes for stream in topology.STREAMS if stream.storage == storage)
        assert int(limits[f"max_{storage}_store"]) >= held


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--worker", "captioner"], "--worker: expected another stage's name"),
        (["--worker", "a.b"], "got 'a.b'"),
        (["--worker", "a", "--worker", "a"], "--worker: expected another"),
        (["--rotate", "captioner"], "--rotate: expected with --update"),
        (["--update", "--rotate", "nobody"], "--rotate: expected one of room-ingest"),
        (["--update"], "as sightline nats-config writes it; there is none"),
        (["--cluster", "n1:6222,n2:6222"], "--cluster: expected three servers or more, got 2"),
        (["--cluster", "n1,n2,n3"], "--cluster: expected host:port, got 'n1'"),
        (["--listen", "everywhere"], "--listen: expected host:port, got 'everywhere'"),
        (["--monitor", "8222"], "--monitor: expected host:port"),
        (["--host", "a b"], "--host: expected a host name"),
        (["--tls-ca", "ca.crt"], "expected all three, or none of them"),
        (
            ["--tls-ca=/nowhere/a", "--tls-cert=/nowhere/b", "--tls-key=/nowhere/c"],
            "expected files, got '/nowhere/a'",
        ),
    ],
)
def test_a_bad_option_is_named_and_nothing_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], said: str
) -> None:
    out = tmp_path / "nats"
    with pytest.raises(SystemExit) as ended:
        main(["nats-config", "--out", str(out), *options])
    assert ended.value.code == 2
    assert said in capsys.readouterr().err
    assert not out.exists()
