"""A real livekit-server as a child process, on ports of its own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sightline.embedded import HOST, free_port, tethered
from support.environment import LIVEKIT_SERVER

START_SECONDS = 30.0
POLL_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class LiveKitServer:
    """A running server: its WebSocket URL, and an API key that may do everything."""

    url: str
    api_key: str
    api_secret: str
    log: Path


def find_livekit_server() -> Path:
    """The binary: LIVEKIT_SERVER, `livekit-server` on the PATH, or what `go install` left.

    Raises:
        FileNotFoundError: There is none; says where it was looked for.
    """
    if LIVEKIT_SERVER:
        candidates = [Path(LIVEKIT_SERVER)]
    else:
        candidates = [_go_bin() / name for name in ("livekit-server", "server")]
        if found := shutil.which("livekit-server"):
            candidates.insert(0, Path(found))
    for candidate in candidates:
        if candidate.is_file():
            return candidate.absolute()
    places = ", ".join(map(str, candidates))
    raise FileNotFoundError(
        f"there is no livekit-server ({places}): docs/development.md tells how to get one"
    )


def _go_bin() -> Path:
    if gobin := os.environ.get("GOBIN"):
        return Path(gobin)
    gopath = os.environ.get("GOPATH", "").split(os.pathsep)[0]
    return (Path(gopath) if gopath else Path.home() / "go") / "bin"


@contextmanager
def running_livekit(binary: Path, port: int = 0) -> Iterator[LiveKitServer]:
    """Start a server, wait until it serves, and end it afterwards.

    Args:
        port: Where an earlier one was; 0 picks a free one.

    Raises:
        RuntimeError: It did not start; holds the end of its log.
    """
    with tempfile.TemporaryDirectory(prefix="sightline-livekit-") as folder:
        port = port or free_port()
        server = LiveKitServer(
            url=f"ws://{HOST}:{port}",
            api_key="testkey",
            api_secret="a-secret-of-the-tests-of-32-chars",
            log=Path(folder) / "livekit.log",
        )
        with server.log.open("wb") as log:
            process = subprocess.Popen(
                tethered(binary, "--config-body", json.dumps(_config(server, port))),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            _wait_until_it_serves(process, port, server.log)
            yield server
        finally:
            process.kill()
            process.wait()


def _config(server: LiveKitServer, port: int) -> dict[str, object]:
    return {
        "port": port,
        "bind_addresses": [HOST],
        # One UDP port for all media; on this host alone, so that it works without a network.
        "rtc": {
            "udp_port": free_port(),
            "tcp_port": free_port(),
            "use_external_ip": False,
            "enable_loopback_candidate": True,
            "node_ip": HOST,
        },
        "keys": {server.api_key: server.api_secret},
        "logging": {"level": "info", "json": False},
    }


def _wait_until_it_serves(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"http://{HOST}:{port}/", timeout=1):
                return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(POLL_SECONDS)
    tail = "\n".join(log.read_text(errors="replace").splitlines()[-20:])
    raise RuntimeError(f"livekit-server did not start (exit code {process.poll()}). Its log ends:\n{tail}")
