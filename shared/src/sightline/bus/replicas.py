"""Replicas of a stage, found through NATS' own service protocol: ``nats micro ls`` shows them, too."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from nats.aio.msg import Msg
from nats.micro import add_service
from nats.micro.request import Request
from nats.micro.service import EndpointStats

from sightline.bus.connection import Connection, end
from sightline.log import get_logger
from sightline.messages import Wire

log = get_logger()

MAX_ANSWERING = 64
"""Requests in progress at one replica; more are refused at once."""

Handler = Callable[[Wire], Awaitable[Wire]]


@dataclass(frozen=True, slots=True)
class Replica:
    """One running replica of a stage.

    Attributes:
        status: What it says of itself: ``processed``, ``failed``, ``problem``, ``model``, …
    """

    stage: str
    id: str
    version: str
    started: str
    status: dict[str, Any]


async def register(
    connection: Connection,
    name: str,
    version: str,
    status_subject: str,
    status: Callable[[], dict[str, Any]],
    endpoints: Mapping[str, Handler],
) -> Callable[[], Awaitable[None]]:
    """Announce a replica, and serve its endpoints, one of the replicas per request.

    Args:
        status: What this replica says of itself when asked.
        endpoints: Subject -> handler.

    Returns:
        Call and await it to stop; it never raises.
    """

    def data(_endpoint: EndpointStats) -> dict[str, Any]:
        return status()

    service = await add_service(
        connection.client, name=name, version=version, description="Sightline stage", stats_handler=data
    )

    async def answer_status(request: Request) -> None:
        await request.respond(json.dumps(status()).encode())

    await service.add_endpoint(name="status", subject=status_subject, handler=answer_status)
    for subject, handler in endpoints.items():
        name = subject.rpartition(".")[0].replace(".", "-")
        await service.add_endpoint(name=name, subject=subject, handler=_concurrently(connection, handler))

    async def stop() -> None:
        with contextlib.suppress(Exception):  # the connection may be gone, and with it the service
            await service.stop()

    return stop


def _concurrently(connection: Connection, handler: Handler) -> Callable[[Request], Awaitable[None]]:
    """nats-py awaits one handler before it calls the next: hand over to tasks instead."""
    tasks: set[asyncio.Task[None]] = set()

    async def respond(request: Request) -> None:
        try:
            answer = await handler(Wire(dict(request.headers or {}), request.data))
            connection.check_size(request.subject, answer.payload, answer.headers)
            await request.respond(answer.payload, headers=answer.headers)
        except Exception as error:
            log.exception("request_failed", subject=request.subject)
            with contextlib.suppress(Exception):  # the connection may be why
                await request.respond_error("500", type(error).__name__)

    async def accept(request: Request) -> None:
        if len(tasks) >= MAX_ANSWERING:
            await request.respond_error("503", f"{MAX_ANSWERING} requests are in progress; try again")
            return
        task = asyncio.create_task(respond(request))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    return accept


async def discover(connection: Connection, wait: float) -> list[Replica]:
    """Every replica that answers within ``wait`` seconds."""
    found: dict[str, Replica] = {}

    async def collect(message: Msg) -> None:
        answer = json.loads(message.data)
        endpoints = answer.get("endpoints") or [{}]
        found[answer["id"]] = Replica(
            stage=answer["name"],
            id=answer["id"],
            version=answer["version"],
            started=str(answer["started"]),
            status=endpoints[0].get("data") or {},
        )

    inbox = connection.client.new_inbox()
    subscription = await connection.subscribe(inbox, cb=collect)
    try:
        await connection.publish("$SRV.STATS", b"", {}, reply=inbox)
        await asyncio.sleep(wait)
    finally:
        await end(subscription)
    return sorted(found.values(), key=lambda replica: (replica.stage, replica.id))
