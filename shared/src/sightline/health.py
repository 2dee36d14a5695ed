"""Whether a service is ready, part by part, and the HTTP endpoints that tell."""

from __future__ import annotations

import asyncio
import json
import time

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from sightline.bus import Bus
from sightline.config import ServiceSettings
from sightline.errors import SettingsError
from sightline.metrics import LOOP_LAG, TASKS

LAG_SECONDS = 0.5


class Health:
    """What keeps a service from being ready; nothing: it is."""

    def __init__(self, bus: Bus | None = None) -> None:
        self._bus = bus
        self._problems: dict[str, str] = {}

    def set(self, part: str, problem: str | None) -> None:
        """Say what is wrong with a part of the service; None: nothing."""
        if problem is None:
            self._problems.pop(part, None)
        else:
            self._problems[part] = problem

    @property
    def problems(self) -> dict[str, str]:
        """Part -> what is wrong with it. The bus is right when JetStream answered just now and has room."""
        return self._of_the_bus() | self._problems

    def _of_the_bus(self) -> dict[str, str]:
        if self._bus is None:
            return {}
        if not self._bus.ready:
            return {"bus": self._bus.problem}
        # What has room goes on: a full disk takes no captions, but frames lie in memory.
        return {"store": self._bus.full.problem} if self._bus.full.problem else {}


class HealthServer:
    """``/metrics``, ``/livez`` (the event loop runs) and ``/readyz`` (503 and why, when it is not)."""

    def __init__(self, health: Health, settings: ServiceSettings) -> None:
        self._health = health
        self._settings = settings
        self._runner: web.AppRunner | None = None
        self.port = -1

    async def start(self) -> None:
        """Raises SettingsError: the port is taken."""
        if self._settings.http_port < 0:
            return
        app = web.Application()
        app.add_routes(
            [web.get("/metrics", _metrics), web.get("/livez", _live), web.get("/readyz", self._ready)]
        )
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        host, port = self._settings.http_host, self._settings.http_port
        try:
            await web.TCPSite(self._runner, host, port).start()
        except OSError as error:
            raise SettingsError(
                f"SIGHTLINE_HTTP_PORT: cannot listen on {host}:{port}: {error.strerror or error}"
            ) from error
        self.port = self._runner.addresses[0][1]

    async def close(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def _ready(self, _request: web.Request) -> web.Response:
        problems = self._health.problems
        body = json.dumps({"ready": not problems, "problems": problems})
        return web.Response(text=body, status=503 if problems else 200, content_type="application/json")


async def _live(_request: web.Request) -> web.Response:
    return web.Response(text="alive\n")


async def _metrics(_request: web.Request) -> web.Response:
    return web.Response(body=generate_latest(), headers={"Content-Type": CONTENT_TYPE_LATEST})


async def watch_loop() -> None:
    """Show how late the event loop runs, for ever: what blocks it makes everything late."""
    while True:
        due = time.monotonic() + LAG_SECONDS
        await asyncio.sleep(LAG_SECONDS)
        LOOP_LAG.observe(max(0.0, time.monotonic() - due))
        TASKS.set(len(asyncio.all_tasks()))
