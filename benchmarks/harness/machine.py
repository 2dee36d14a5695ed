"""The machine that a benchmark ran on, as far as it matters for the figures."""

from __future__ import annotations

import os
import platform
import subprocess
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from sightline.embedded import find_nats_server
from support.livekit_server import find_livekit_server

VERSION_SECONDS = 10


class Machine(BaseModel):
    """Attributes: as ``describe_machine`` finds them; ``load`` is the load average of a minute before."""

    model_config = ConfigDict(frozen=True)

    cpu: str
    cores: int
    memory_gib: float
    kernel: str
    python: str
    nats_server: str
    livekit_server: str
    load: float


def describe_machine() -> Machine:
    """This machine, and the servers that it would start. Call it before anything runs."""
    try:
        livekit = _version(find_livekit_server())
    except FileNotFoundError:
        livekit = "none"
    return Machine(
        cpu=_cpu(),
        cores=len(os.sched_getaffinity(0)),
        memory_gib=round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        kernel=platform.release(),
        python=platform.python_version(),
        nats_server=_version(find_nats_server()),
        livekit_server=livekit,
        load=round(os.getloadavg()[0], 2),
    )


def _cpu() -> str:
    """The processor's own name for itself."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except FileNotFoundError:
        return platform.processor() or platform.machine()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _version(program: Path) -> str:
    """The number that a program tells with ``--version``."""
    told = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=VERSION_SECONDS)
    words = told.stdout.split()
    return words[-1].removeprefix("v") if words else "unknown"
