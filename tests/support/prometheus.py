"""Debian's Prometheus: promtool, and a server that scrapes what a test runs."""

from __future__ import annotations

import asyncio
import json
import shutil
from asyncio.subprocess import DEVNULL, PIPE, STDOUT
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

from sightline.embedded import HOST, free_port, tethered
from support.environment import missing

OBSERVABILITY = Path(__file__).parents[2] / "deploy" / "observability"
START_SECONDS = 30.0


def binary(name: str) -> str:
    """Where a program of Prometheus is; a test without it is skipped, or fails where it is required."""
    found = shutil.which(name)
    if found is None:
        missing("promtool", f"there is no {name} on the PATH: docs/development.md tells how to get one")
    return found


async def promtool(*arguments: str) -> str:
    """Run it in deploy/observability; what it said. A complaint of its fails the test."""
    process = await asyncio.create_subprocess_exec(
        binary("promtool"), *arguments, cwd=OBSERVABILITY, stdout=PIPE, stderr=STDOUT
    )
    said = (await process.communicate())[0].decode()
    assert process.returncode == 0, said
    return said


class Prometheus:
    """A running server."""

    def __init__(self, url: str, http: aiohttp.ClientSession) -> None:
        self._url, self._http = url, http

    async def get(self, path: str, **parameters: str) -> Any:
        """The data of an answer of its API; an error of it fails the test."""
        async with self._http.get(f"{self._url}/api/v1/{path}", params=parameters) as answer:
            body = await answer.json()
        assert body["status"] == "success", f"{parameters}: {body.get('error')}"
        return body["data"]

    async def query(self, expression: str) -> list[Any]:
        """The series that an expression has now."""
        return list((await self.get("query", query=expression))["result"])


@asynccontextmanager
async def prometheus(folder: Path, targets: Mapping[str, str]) -> AsyncIterator[Prometheus]:
    """Scrape these, every second, with our alert rules loaded.

    Args:
        targets: Job -> host and port.
    """
    port = free_port()
    config = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(OBSERVABILITY / "alerts.yml")],
        "scrape_configs": [
            {"job_name": job, "static_configs": [{"targets": [target]}]} for job, target in targets.items()
        ],
    }
    file = folder / "prometheus.json"  # which is YAML, too
    file.write_text(json.dumps(config))
    process = await asyncio.create_subprocess_exec(
        *tethered(
            binary("prometheus"),
            f"--config.file={file}",
            f"--storage.tsdb.path={folder / 'data'}",
            f"--web.listen-address={HOST}:{port}",
            "--log.level=warn",
        ),
        stdout=DEVNULL,
    )
    try:
        async with aiohttp.ClientSession() as http:
            url = f"http://{HOST}:{port}"
            async with asyncio.timeout(START_SECONDS):
                await _until_ready(http, f"{url}/-/ready")
            yield Prometheus(url, http)
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def _until_ready(http: aiohttp.ClientSession, url: str) -> None:
    while True:
        try:
            async with http.get(url) as answer:
                if answer.status == 200:
                    return
        except aiohttp.ClientConnectionError:
            pass
        await asyncio.sleep(0.05)  # another process has no event of ours
