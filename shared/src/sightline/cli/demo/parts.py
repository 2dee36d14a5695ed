"""The processes of a demo: the same ones that run in production, each started again when it ends.

Processes and not tasks, because that is how the parts run anywhere: what the demo shows to work is
what will be deployed, and killing one of them shows what the others do.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import sys
import tempfile
import time
from asyncio.subprocess import DEVNULL, STDOUT, Process
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr

from sightline.bus import Bus
from sightline.config import BusSettings
from sightline.embedded import NatsServer, tethered
from sightline.errors import SightlineError

STOP_SECONDS = 8.0
HEALTHY_SECONDS = 10.0
"""A part that lived this long has started well; its end is a new misfortune."""

ATTEMPTS = 3
MISCONFIGURED = 2
"""Exit code of a service whose settings are wrong: another attempt cannot help."""

LOG_BYTES = 4_000


class PartError(SightlineError):
    """A part of the demo does not start. Holds the end of its log."""


@dataclass(frozen=True, slots=True)
class Part:
    """One process.

    Attributes:
        arguments: Of this Python: ``-m package …``.
        may_end: An exit with 0 is the end of its work, not a failure.
    """

    name: str
    arguments: tuple[str, ...]
    may_end: bool = False


class Parts:
    """Starts all parts, and starts again what ends.

    Args:
        parts: What to run.
        environment: Of each process.
        logs: Folder for one log file per part.
        note: Told what happens, in a sentence.
    """

    def __init__(
        self, parts: Sequence[Part], environment: Mapping[str, str], logs: Path, note: Callable[[str], None]
    ) -> None:
        self._parts = parts
        self._environment = dict(environment)
        self._logs = logs
        self._note = note
        self._processes: dict[str, Process] = {}

    async def run(self) -> None:
        """Keep all parts running, until cancelled; then they have ended, too.

        Raises:
            PartError: One of them ends again and again.
        """
        try:
            async with asyncio.TaskGroup() as group:
                for part in self._parts:
                    group.create_task(self._keep(part))
        finally:
            await self._stop()

    async def _keep(self, part: Part) -> None:
        attempts = 0
        while True:
            started = time.monotonic()
            process = self._processes[part.name] = await self._start(part)
            code = await process.wait()
            if part.may_end and code == 0:
                self._note(f"{part.name} is at its end")
                return
            attempts = 1 if time.monotonic() - started > HEALTHY_SECONDS else attempts + 1
            if attempts >= ATTEMPTS or code == MISCONFIGURED:
                words = await asyncio.to_thread(self._last_words, part)
                raise PartError(f"{part.name} does not start (exit code {code}): {words}")
            self._note(f"{part.name} ended (exit code {code}), starting it again")
            await asyncio.sleep(attempts * 0.5)

    async def _start(self, part: Part) -> Process:
        log = await asyncio.to_thread(open, self._log_of(part), "ab")
        with log:
            return await asyncio.create_subprocess_exec(
                *tethered(sys.executable, *part.arguments),
                stdin=DEVNULL,
                stdout=log,
                stderr=STDOUT,
                env=self._environment,
                # ^C in a terminal goes to the whole group; the parts are told in order instead.
                start_new_session=True,
            )

    def _last_words(self, part: Part) -> str:
        path = self._log_of(part)
        return f"{last_words(path.read_bytes())} (its log: {path})"

    def _log_of(self, part: Part) -> Path:
        return self._logs / f"{part.name}.log"

    async def _stop(self) -> None:
        """Ask all to end, and end those that do not."""
        for sign, patience in ((signal.SIGTERM, STOP_SECONDS), (signal.SIGKILL, None)):
            alive = [each for each in self._processes.values() if each.returncode is None]
            for process in alive:
                with suppress(ProcessLookupError):
                    process.send_signal(sign)
            with suppress(TimeoutError):
                async with asyncio.timeout(patience):
                    await asyncio.gather(*(process.wait() for process in alive))


@asynccontextmanager
async def bus_of(server: NatsServer) -> AsyncIterator[Bus]:
    """A bus on the demo's own server, whatever ``NATS_*`` says of another one."""
    unset = {name: field.default for name, field in BusSettings.model_fields.items()}
    settings = BusSettings(**{**unset, "password": SecretStr(""), "url": server.url})
    async with Bus.open(settings, name="demo") as bus:
        yield bus


@contextmanager
def logs_folder() -> Iterator[Path]:
    """A folder for the parts' logs, removed at the end unless something went wrong."""
    folder = Path(tempfile.mkdtemp(prefix="sightline-demo-"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def last_words(log: bytes) -> str:
    """The last thing that a process logged; of an event in JSON, its reason."""
    lines = log[-LOG_BYTES:].decode(errors="replace").strip().splitlines()
    last = lines[-1] if lines else "it said nothing"
    try:
        event = json.loads(last)
    except ValueError:
        return last
    return str(event.get("reason") or event.get("event")) if isinstance(event, dict) else last


def environment(nats_url: str) -> dict[str, str]:
    """This process's environment, with the demo's own NATS instead of anybody else's."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("NATS_")}
    return own | {"NATS_URL": nats_url, "SIGHTLINE_HTTP_PORT": "-1", "PYTHONUNBUFFERED": "1"}


def parts_of(source: str, room: str, participant: str, stages: Sequence[str]) -> list[Part]:
    """Ingest on the source, and one replica of each stage."""
    plays = ("--loop", "--realtime") if Path(source).is_file() else ()
    ingest = (
        "-m",
        "sightline_ingest",
        "--source",
        source,
        "--room",
        room,
        "--participant",
        participant,
        *plays,
    )
    workers = [Part(stage, ("-m", "sightline.cli", "run", stage)) for stage in stages]
    return [Part("room-ingest", ingest, may_end=not plays), *workers]
