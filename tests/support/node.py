"""Programs for Node.js, with the packages that their lock file names."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import shutil
from asyncio.subprocess import PIPE
from pathlib import Path
from typing import Any

from sightline.embedded import tethered

OLDEST = 18
INSTALL_SECONDS = 90


def node_problem() -> str | None:
    """Why there is no Node.js here that can be used; None where there is."""
    if missing := [each for each in ("node", "npm") if not shutil.which(each)]:
        return f"expected Node.js {OLDEST} or newer with npm on the PATH, found no {' and no '.join(missing)}"
    return None


async def installed(program: Path) -> Path:
    """A copy of a program beside its packages, in the cache: a checkout stays as it is.

    Args:
        program: A file beside its package.json and package-lock.json.
    """
    folder = await asyncio.to_thread(_copied, program)
    if not (folder / "node_modules").is_dir():
        code, out, err = await _run("npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts", folder=folder)
        assert code == 0, f"npm ci: {out}{err}"
    return folder / program.name


async def node(program: Path, *arguments: str) -> list[dict[str, Any]]:
    """Run a program to its end; the JSON objects that it printed, one a line."""
    code, out, err = await _run("node", program.name, *arguments, folder=program.parent)
    assert (code, err) == (0, ""), f"{out}{err}"
    return [json.loads(line) for line in out.splitlines()]


def _copied(program: Path) -> Path:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "sightline"
    files = sorted(program.parent.iterdir())
    told_apart = hashlib.sha256(b"\0".join(each.read_bytes() for each in files)).hexdigest()[:16]
    # One folder for each run of the tests at a time: several processes may install at once.
    folder = cache / "node" / f"{told_apart}-{os.environ.get('PYTEST_XDIST_WORKER', 'main')}"
    folder.mkdir(parents=True, exist_ok=True)
    for each in files:
        shutil.copy(each, folder)
    return folder


async def _run(program: str, *arguments: str, folder: Path) -> tuple[int, str, str]:
    found = shutil.which(program)
    assert found
    process = await asyncio.create_subprocess_exec(
        *tethered(found, *arguments), cwd=folder, stdin=asyncio.subprocess.DEVNULL, stdout=PIPE, stderr=PIPE
    )
    try:
        async with asyncio.timeout(INSTALL_SECONDS):
            out, err = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()
