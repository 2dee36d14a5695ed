"""The server of ``moondream_client.py``: HTTPS, in a process of its own, at the end of a long wire."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import ssl
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from support.model_servers import Fault, MoondreamServer


@asynccontextmanager
async def server(latency: float, rtt: float) -> AsyncIterator[tuple[str, Any]]:
    """Start it. Needs the program ``openssl``, for a certificate.

    Args:
        latency: Seconds that the model takes.
        rtt: Seconds of a round trip.

    Yields:
        Its address, and a coroutine function that sends it a command and returns its counts since the
        command before. This process trusts its certificate from then on.
    """
    with tempfile.TemporaryDirectory() as folder:
        certificate = _certificate(Path(folder))
        os.environ["SSL_CERT_FILE"] = str(certificate)
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, __file__, str(certificate), f"--latency={latency}", f"--rtt={rtt}"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert process.stdin is not None
        assert process.stdout is not None
        into, out_of = process.stdin, process.stdout
        url = (await out_of.readline()).decode().strip()

        async def command(name: str = "count") -> Any:
            into.write(f"{name}\n".encode())
            return json.loads(await out_of.readline())

        try:
            yield url, command
        finally:
            into.close()
            await process.wait()


def _certificate(folder: Path) -> Path:
    """A certificate of 127.0.0.1 with its key, in one file."""
    path = folder / "server.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"),
            *("-nodes", "-days", "1", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"),
            *("-keyout", str(folder / "key.pem"), "-out", str(path)),
        ],
        check=True,
        capture_output=True,
    )
    path.write_text(path.read_text() + (folder / "key.pem").read_text())
    return path


async def serve(certificate: str, latency: float, rtt: float) -> None:
    """Commands in, one a line; counts since the last command out."""
    commands = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(commands), sys.stdin
    )
    running = MoondreamServer(answer="a desk", latency=latency)
    running.tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    running.tls.load_cert_chain(certificate)
    async with running, wire(running.url, rtt) as url:
        print(url, flush=True)
        while command := (await commands.readline()).decode().strip():
            if command == "hang":
                running.fault = Fault.HANG
            elif command == "release":
                running.release()
            counts = {"connections": running.connections, "requests": len(running.requests)}
            print(json.dumps(counts), flush=True)
            running.connections = 0
            running.requests.clear()


@asynccontextmanager
async def wire(url: str, rtt: float) -> AsyncIterator[str]:
    """The same server, reached over a wire that takes its time. A new connection costs a round trip."""
    port = int(url.split(":")[2].split("/")[0])
    loop = asyncio.get_running_loop()
    listening = await loop.create_server(lambda: _End(rtt, port), "127.0.0.1", 0)
    try:
        yield url.replace(str(port), str(listening.sockets[0].getsockname()[1]))
    finally:
        listening.close()


class _End(asyncio.Protocol):
    """One end of a wire. What comes in leaves at the other end half a round trip later, in order."""

    def __init__(self, rtt: float, port: int = 0) -> None:
        self._rtt = rtt
        self._port = port
        self._loop = asyncio.get_running_loop()
        self._early: list[bytes] = []
        self.transport: asyncio.Transport | None = None
        self.other: _End | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        if self._port:
            self._task = self._loop.create_task(self._connect())

    async def _connect(self) -> None:
        await asyncio.sleep(self._rtt)
        _, far = await self._loop.create_connection(lambda: _End(self._rtt), "127.0.0.1", self._port)
        self.other, far.other = far, self
        for data in self._early:
            self.data_received(data)

    def data_received(self, data: bytes) -> None:
        if self.other is None:
            self._early.append(data)
        else:
            self._loop.call_later(self._rtt / 2, self.other.send, data)

    def connection_lost(self, error: Exception | None) -> None:
        if self.other is not None:
            self._loop.call_later(self._rtt / 2, self.other.end)

    def send(self, data: bytes) -> None:
        if self.transport is not None and not self.transport.is_closing():
            self.transport.write(data)

    def end(self) -> None:
        if self.transport is not None:
            self.transport.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("certificate")
    parser.add_argument("--latency", type=float, required=True)
    parser.add_argument("--rtt", type=float, required=True)
    arguments = parser.parse_args()
    asyncio.run(serve(arguments.certificate, arguments.latency, arguments.rtt))
