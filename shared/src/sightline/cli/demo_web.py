"""``sightline demo-web``: a page of this machine's own, to show a camera something and ask about it."""

from __future__ import annotations

import asyncio
import os
import socket
import webbrowser
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

import aiohttp

from sightline.bus import Bus
from sightline.cli.demo.parts import Part, Parts, bus_of, environment, logs_folder
from sightline.cli.demo.show import keep_running
from sightline.cli.demo.stopping import stopped_by_signals
from sightline.cli.doctor.llm import endpoint
from sightline.cli.output import complain, emit, printable, say
from sightline.embedded import HOST, NatsServer, free_port
from sightline.errors import SettingsError
from sightline.plugins import workers
from sightline.stages import StageRegistry

USUAL_PORT = 8090
POLL_SECONDS = 0.2
STAGE_SECONDS = 30.0
"""A captioner whose model cannot be reached is not waited for any longer."""

NOT_THE_DEMOS = ("GATEWAY_JWT_SECRET", "GATEWAY_ALLOWED_ORIGINS")
"""Settings of somebody's own gateway; the demo's serves this machine alone."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What was asked for.

    Attributes:
        port: Of the page; None: the usual one, or any that is free.
        as_json: One JSON object a line.
        opens: Open the page in this machine's browser.
    """

    port: int | None
    as_json: bool
    opens: bool


async def run_demo_web(plan: Plan) -> None:
    """Run it until ^C or SIGTERM.

    Raises:
        SettingsError: The port is taken.
        SightlineError: A part does not start; holds the end of its log.
    """
    port = _port(plan.port)
    url = f"http://{HOST}:{port}/"
    with stopped_by_signals() as stopping, logs_folder() as logs:
        async with NatsServer() as server, bus_of(server) as bus:
            stages = list(workers())
            parts = Parts(_parts(stages), _environment(server.url, port), logs, _note)
            if not plan.as_json:
                say("starting NATS, the captioner, the encoder and the gateway …")
            async with asyncio.TaskGroup() as group:
                running = [group.create_task(parts.run()), group.create_task(keep_running(server, _note))]
                running.append(group.create_task(_announce(plan, url, bus, stages)))
                await stopping.wait()
                for task in running:
                    task.cancel()


def _parts(stages: Sequence[str]) -> list[Part]:
    """One replica of each stage, and the gateway."""
    return [
        *(Part(stage, ("-m", "sightline.cli", "run", stage)) for stage in stages),
        Part("gateway", ("-m", "sightline_gateway")),
    ]


def _environment(nats_url: str, port: int) -> dict[str, str]:
    own = {name: value for name, value in environment(nats_url).items() if name not in NOT_THE_DEMOS}
    return own | {"GATEWAY_HOST": HOST, "GATEWAY_PORT": str(port)}


def _port(wanted: int | None) -> int:
    if wanted is None:
        return USUAL_PORT if _is_free(USUAL_PORT) else free_port()
    if not _is_free(wanted):
        raise SettingsError(f"--port: expected a free port of {HOST}, but something listens on {wanted}")
    return wanted


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        # As a server binds: connections of a demo that has just ended do not keep the next one from its port.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True


async def _announce(plan: Plan, url: str, bus: Bus, stages: Sequence[str]) -> None:
    """Say where the page is, once it is there and somebody looks at what it shows."""
    nats_url = bus.settings.url
    try:
        async with asyncio.timeout(STAGE_SECONDS):
            await _until_registered(bus, stages)
    except TimeoutError:
        _note(f"{', '.join(stages)}: not all of them look at pictures yet; `sightline ps` shows which")
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as http:
        await _until_it_answers(http, url)
    if plan.as_json:
        emit({"event": "ready", "url": url, "nats_url": nats_url, "model": _has_model()})
    else:
        for line in _greeting(url, nats_url):
            say(line)
    if plan.opens:
        await asyncio.to_thread(webbrowser.open, url)


async def _until_registered(bus: Bus, stages: Sequence[str]) -> None:
    registry = StageRegistry(bus)
    reading = asyncio.create_task(registry.run())
    try:
        version = registry.version
        while not set(stages) <= set(registry.wants):
            version = await registry.changed(version)
    finally:
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)


async def _until_it_answers(http: aiohttp.ClientSession, url: str) -> None:
    while True:
        with suppress(aiohttp.ClientError, TimeoutError):
            async with http.get(url) as answer:
                if answer.status == 200:
                    return
        await asyncio.sleep(POLL_SECONDS)


def _greeting(url: str, nats_url: str) -> list[str]:
    captions = (
        "Moondream's"
        if any(os.environ.get(name) for name in ("MOONDREAM_API_KEY", "MOONDREAM_ENDPOINT"))
        else "measured, not understood: MOONDREAM_API_KEY or CAPTIONER_BACKEND make a model look"
    )
    answers = (
        "by your language model"
        if _has_model()
        else "none yet: the page shows what a model would be sent. OPENAI_API_KEY, or AGENT_LLM_BASE_URL\n"
        "                with AGENT_LLM_MODEL, make one answer"
    )
    return [
        "",
        f"  Open          {url}",
        f"  Captions      {captions}",
        f"  Answers       {answers}",
        f"  Look inside   NATS_URL={nats_url} sightline tail",
        "",
        "^C ends it.",
    ]


def _has_model() -> bool:
    return any(endpoint(os.environ))


def _note(text: str) -> None:
    complain(printable(text))
