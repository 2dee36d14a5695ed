"""The NATS server of a test: a process, or a container for tests that ill-treat it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Protocol

from sightline.embedded import NatsServer
from support.environment import NATS_KIND, REQUIRED, missing


class Server(Protocol):
    """A NATS server that a test may treat badly. Port and file store outlive a restart."""

    @property
    def url(self) -> str: ...
    @property
    def port(self) -> int: ...
    @property
    def log(self) -> str: ...
    @property
    def running(self) -> bool: ...
    async def start(self) -> None: ...
    async def stop(self) -> None: ...
    async def kill(self) -> None: ...
    def pause(self) -> None: ...
    def resume(self) -> None: ...


@asynccontextmanager
async def running_nats(ill_treated: bool) -> AsyncIterator[Server]:
    """Start a server as SIGHTLINE_TEST_NATS says: `process`, `container` or `auto`.

    Args:
        ill_treated: `auto` uses a container for such a test, where Docker is there.
    """
    assert NATS_KIND in {"process", "container", "auto"}, f"SIGHTLINE_TEST_NATS={NATS_KIND}"
    if NATS_KIND == "container" or (NATS_KIND == "auto" and ill_treated):
        problem = await asyncio.to_thread(_container_problem)
        if problem is None:
            from support.containers import NatsContainer

            container = await asyncio.to_thread(NatsContainer)
            async with container as server:
                yield server
            return
        if NATS_KIND == "container" or "docker" in REQUIRED:
            missing("docker", problem)
    async with NatsServer() as server:
        yield server


def _container_problem() -> str | None:
    from support.containers import docker_problem

    return docker_problem()
